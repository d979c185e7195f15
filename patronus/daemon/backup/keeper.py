# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes backups and restores them. A restore is one change of the engine, with its secrets before it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from patronus.core.bus import Event
from patronus.core.control import Clock, Commit
from patronus.core.edit import Edits, PutFile
from patronus.core.engine import Engine
from patronus.core.errors import Conflict, PatronusError
from patronus.core.events import ConfigChanged, ConfigConfirmed, ConfigReverted
from patronus.core.link import Nic
from patronus.core.migrations import MIGRATIONS
from patronus.core.problem import Problem, Severity
from patronus.core.verb import Caller
from patronus.daemon.backup.contents import Contents, as_base64, pack, unpack
from patronus.daemon.backup.mapping import mapped
from patronus.daemon.backup.undo import Undo
from patronus.daemon.settings import PatronusFile
from patronus.secrets import archive
from patronus.secrets.keys import Stretch
from patronus.secrets.password import hash as argon2id
from patronus.secrets.stretch import Stretching
from patronus.secrets.vault import Vault
from patronus.secrets.vault_verbs import belongs_to_configuration

log = logging.getLogger(__name__)


class LeaseKeeper(Protocol):
    """Who has the leases: the DHCP feature, which asks its server."""

    def export_leases(self) -> list[dict[str, Any]]:
        """Return the leases that have not ended. Raises Unavailable."""

    def import_leases(self, leases: Sequence[Mapping[str, Any]]) -> int:
        """Take leases over; return how many. Raises Unavailable, InvalidRequest, StorageError."""


@dataclass(frozen=True)
class Made:
    """A backup: the file, a name for it, and what is not in it."""

    data: bytes
    name: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Restored:
    """A restore: the change, and how many secrets and leases came with it."""

    commit: Commit
    secrets: int
    leases: int


class Backups:
    """Backups of one router. ``inventory`` returns its network cards."""

    def __init__(
        self, engine: Engine, vault: Vault, leases: LeaseKeeper, inventory: Callable[[], Sequence[Nic]],
        clock: Clock, stretch: Stretch, image_version: str,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._vault = vault
        self._leases = leases
        self._clock = clock
        self._stretch = stretch
        self._image_version = image_version
        self._undo = Undo(vault)
        self.inventory = inventory

    def create(self, password: str) -> Made:
        """Return a backup under the password. Raises InvalidRequest, Unavailable, StorageError."""
        argon2id.check(password, "")
        leases, warnings = self._exported()
        contents = Contents(
            hostname=self._engine.config.get(PatronusFile).system.hostname,
            time=self._clock.wall(),
            image_version=self._image_version,
            schema_version=MIGRATIONS.current,
            files=self._engine.texts,
            secrets=as_base64({name: self._vault.read(name) for name in self._names()}),
            leases=leases,
        )
        how = Stretching.fresh()
        data = archive.seal(self._stretch(password, how), how, pack(contents))
        return Made(data, contents.file_name(), warnings)

    def open(self, data: bytes, password: str) -> Contents:
        """Return what a backup holds, its files in this version's format.

        Raises NotPermitted for a wrong password, InvalidRequest for a file that is none or was changed,
        InvalidConfiguration where a later version wrote it.
        """
        contents = unpack(archive.unseal(self._stretch(password, archive.stretching_of(data)), data))
        files = MIGRATIONS.up(contents.files, contents.schema_version)
        return contents.model_copy(update={"files": files, "schema_version": MIGRATIONS.current})

    def restore(
        self, contents: Contents, roles: Mapping[str, str], caller: Caller, confirm_s: float | None
    ) -> Restored:
        """Run the backup's configuration, with its secrets and leases. Raises what submit and map raise.

        All that can be refused is refused before anything is written. Secrets that the backup does not hold
        stay; those that it replaces come back if the change is not confirmed.
        """
        if self._engine.pending() is not None:
            raise Conflict("a change waits for confirmation: keep it or let it go back first")
        values = contents.values()
        edits = self._edits(mapped(contents.files, self.inventory(), roles))
        self._engine.check(edits, caller)
        base = self._engine.generation
        self._undo.keep(values, base)
        try:
            for name, value in values.items():
                self._vault.write(name, value)
            comment = f"restored from the backup of {contents.origin()}"
            commit = self._engine.submit(edits, caller, comment=comment, confirm_s=confirm_s)
        except BaseException:
            self._undo.put_back()
            raise
        if commit.confirm_within_s is None:
            self._undo.discard()
        if commit.generation == base and values:
            self._engine.refresh("secrets were restored")
        return self._with_leases(contents, commit, len(values))

    def settle(self) -> None:
        """After a start: give secrets back that came with a change which did not stay."""
        self._settle(self._engine.generation, waiting=self._engine.pending() is not None)

    def on_event(self, event: Event) -> None:
        """Settle when a change stays or was reverted."""
        if isinstance(event, ConfigConfirmed):
            self._settle(event.generation)
        elif isinstance(event, ConfigReverted) or (
            isinstance(event, ConfigChanged) and event.confirm_within_s is None
        ):
            self._settle(event.new)

    def _settle(self, running: int, *, waiting: bool = False) -> None:
        if self._undo.settle(running, waiting=waiting):
            self._engine.refresh("the secrets of before a restore are back")

    def _names(self) -> list[str]:
        return [name for name in self._vault.names() if belongs_to_configuration(name)]

    def _exported(self) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
        try:
            return self._leases.export_leases(), ()
        except PatronusError as error:
            return [], (f"the leases are not in it: {error}",)

    def _edits(self, files: Mapping[str, str]) -> Edits:
        gone = [PutFile(name, None) for name in self._engine.texts if name not in files]
        return [*gone, *(PutFile(name, text) for name, text in files.items())]

    def _with_leases(self, contents: Contents, commit: Commit, secrets: int) -> Restored:
        """Hand the leases over; that they cannot be had is no reason to take the change back."""
        try:
            count = self._leases.import_leases(contents.leases) if contents.leases else 0
        except PatronusError as error:
            said = Problem((), f"the leases were not restored: {error}", severity=Severity.WARNING)
            commit = Commit(
                commit.generation, commit.changes, (*commit.warnings, said), commit.confirm_within_s
            )
            count = 0
        return Restored(commit, secrets, count)
