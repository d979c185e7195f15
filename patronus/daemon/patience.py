# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a plugin may take when the router calls it; the daemon ends when one takes longer.

A plugin that hangs holds the turn, and with it every change and every revert. So the daemon says which one
it was and ends; systemd starts it again at once, and it leaves that plugin out until the router restarts. The
alarm is faulthandler's, a thread of C: it rings also while a plugin holds the interpreter. The files lie in
/run: they outlive the daemon, not the boot.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

LIMIT_S = 60.0
"""A call takes milliseconds; what takes this long on the busiest machine does not come back."""


@dataclass(frozen=True)
class Call:
    """A plugin that is being called, what for, and when that must be over."""

    plugin: str
    what: str
    end: float


class Patience:
    """Watches calls from any thread. ``folder`` is the daemon's in /run."""

    def __init__(self, folder: Path) -> None:
        self._called = folder / "plugin-called.json"
        self._last_words = folder / "plugin-last-words"
        self._hung = folder / "plugins-hung.json"
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._file: IO[bytes] | None = None

    def hung(self) -> Mapping[str, str]:
        """Return the plugins that hung since the router was started → in what; writes the newest down."""
        found = _read(self._hung)
        if self._last_words.exists() and (words := self._last_words.read_text(errors="replace")):
            log.error("a plugin hung, and the daemon was started again:\n%s", words)
            found.update(_read(self._called))
            self._hung.write_text(json.dumps(found))
        self._called.unlink(missing_ok=True)
        self._last_words.unlink(missing_ok=True)
        return found

    @contextmanager
    def calling(self, plugin: str, what: str) -> Iterator[None]:
        """End the daemon if what is done inside takes too long."""
        call = Call(plugin, what, time.monotonic() + LIMIT_S)
        with self._lock:
            self._calls.append(call)
            self._set_alarm()
        try:
            yield
        finally:
            with self._lock:
                self._calls.remove(call)
                self._set_alarm()

    def _set_alarm(self) -> None:
        """Let the alarm ring at the end of the call that began first, and write down whose it is."""
        if not self._calls:
            faulthandler.cancel_dump_traceback_later()
            return
        first = self._calls[0]
        if self._file is None:
            self._file = self._last_words.open("wb")
        self._called.write_text(json.dumps({first.plugin: first.what}))
        left_s = max(first.end - time.monotonic(), 0.001)
        faulthandler.dump_traceback_later(left_s, file=self._file, exit=True)


def _read(path: Path) -> dict[str, str]:
    """Return plugin → what; nothing where the file is not there, or not whole."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(name): str(what) for name, what in found.items()} if isinstance(found, dict) else {}
