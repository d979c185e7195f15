# SPDX-License-Identifier: GPL-2.0-or-later
"""The secrets that a restore replaces, kept in the vault until its generation is confirmed, else given back.

``backup.undo`` says from which generation the restore started and which secrets it touched; each of the
former ones is ``backup.undo.NAME``. The list is written after them, before the first is replaced, and is
removed first: wherever the power fails, a boot that finds it knows by the running generation what to do.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable

from patronus.core.errors import PatronusError
from patronus.secrets.vault import Vault

log = logging.getLogger(__name__)

LIST = "backup.undo"


class Undo:
    """The former secrets of one restore."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._lock = threading.RLock()

    def keep(self, names: Iterable[str], base: int) -> None:
        """Keep the secrets of these names as they are now. Raises StorageError, Unavailable."""
        with self._lock:
            there = set(self._vault.names())
            touched = sorted(names)
            for name in there.intersection(touched):
                self._vault.write(f"{LIST}.{name}", self._vault.read(name))
            kept = {"base": base, "names": touched}
            self._vault.write(LIST, json.dumps(kept).encode())

    def put_back(self) -> None:
        """Make the secrets be as they were. Raises StorageError, Unavailable; it can be tried again."""
        with self._lock:
            there = set(self._vault.names())
            for name in self._list()[1]:
                if f"{LIST}.{name}" in there:
                    self._vault.write(name, self._vault.read(f"{LIST}.{name}"))
                elif name in there:
                    self._vault.delete(name)
            self.discard()

    def discard(self) -> None:
        """Forget the former secrets: the restore stays. Raises StorageError."""
        with self._lock:
            mine = [name for name in self._vault.names() if name == LIST or name.startswith(f"{LIST}.")]
            for name in sorted(mine):
                self._vault.delete(name)

    def settle(self, running: int, *, waiting: bool) -> bool:
        """Give the secrets back, or forget them, as the running generation says; return whether back.

        ``waiting``: it is not confirmed yet. What fails is tried again at the next start.
        """
        with self._lock:
            try:
                names = self._vault.names()
                if LIST in names and not waiting and running <= self._list()[0]:
                    self.put_back()
                    return True
                if any(name.startswith(LIST) for name in names) and not (LIST in names and waiting):
                    self.discard()
            except PatronusError as error:
                log.error("the secrets of before a restore could not be settled: %s", error)
            return False

    def _list(self) -> tuple[int, list[str]]:
        kept = json.loads(self._vault.read(LIST))
        return int(kept["base"]), list(kept["names"])
