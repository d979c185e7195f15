# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeps the head start of the next boot on the disk: that of the confirmed generation as it runs, or none.

It is taken away before anything changes, and kept again a while after the kernel was read back and found as
planned. So what lies on the disk is never older than what ran.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from patronus.core.errors import NotFound, StorageError
from patronus.core.files import Disk, remove_durably, storage_errors, write_durably
from patronus.core.generations import Generations
from patronus.core.head_start import HeadStart, Occasion, System, render
from patronus.core.running import Running
from patronus.core.turn import Turn
from patronus.core.walk import Walk

log = logging.getLogger(__name__)

QUIET_S = 5.0
"""How long nothing may have changed before it is kept: a burst of changes is written once."""


class KeptStart:
    """The file. ``around`` tells what the next boot must find, ``systems`` which ones it may take."""

    def __init__(
        self,
        path: Path,
        generations: Generations,
        around: Callable[[], Occasion],
        systems: Callable[[], tuple[System, ...]],
        disk: Disk | None = None,
    ) -> None:
        self._path = path
        self._generations = generations
        self._around = around
        self._systems = systems
        self._kept_for: tuple[System, ...] = ()
        self._disk = disk or Disk()

    def fits(self) -> bool:
        """Return whether what was kept is for the systems that the next boot may take now."""
        return self._kept_for == self._systems()

    def keep(self, number: int, parts: Sequence[HeadStart]) -> None:
        """Keep a generation's head start, durably. Raises StorageError, KernelError, NotFound."""
        files, systems = self._generations.digests(number), self._systems()
        data = render(replace(self._around(), generation=number, files=files, systems=systems), parts)
        self._kept_for = systems
        with storage_errors(f"{self._path.name} could not be read"):
            if self._path.exists() and self._path.read_bytes() == data:
                return
        write_durably(self._disk, self._path, data)

    def forget(self) -> None:
        """Take it away, durably. Raises StorageError."""
        with storage_errors(f"{self._path.name} could not be found"):
            if not self._path.exists():
                return
        remove_durably(self._disk, self._path)


class Keeping:
    """When the head start is kept and when it is not; ``settled`` and ``unsettled`` by who has the turn.

    ``on_settled`` is told in how many seconds ``keep`` wants to be called.
    """

    def __init__(
        self,
        kept: KeptStart | None,
        generations: Generations,
        on_settled: Callable[[float | None], None],
        turn: Turn,
    ) -> None:
        self._kept = kept
        self._generations = generations
        self._on_settled = on_settled
        self._turn = turn
        self._owed = self._fresh = False

    def unsettled(self) -> None:
        """Take the head start away: something is about to change, which a disk that refuses does not stop."""
        self._owed = self._fresh = False
        if self._kept is not None:
            try:
                self._kept.forget()
            except StorageError as error:
                log.error("what the next start would load first is out of date, and stays: %s", error)

    def settled(self) -> None:
        """Keep it in a while: the kernel is as planned."""
        if self._kept is not None and not (self._fresh and self._kept.fits()):
            self._owed = True
            self._on_settled(QUIET_S)

    def keep(self, running: Callable[[], Running], walk: Walk, *, fallback: str) -> None:
        """Keep what runs if it is what the next boot will take, and nothing where that is something else.

        ``fallback`` is the comment of generations that no boot takes before it has tried another. Raises
        StorageError, KernelError, InvalidConfiguration; then nothing is kept.
        """
        with self._turn.taken():
            if self._kept is None or not (self._owed or (self._fresh and not self._kept.fits())):
                return
            self._owed = False
            now = running()
            if not self._is_next(now.number, fallback):
                self.unsettled()
                return
            try:
                parts = walk.head_start(now.loaded.config)
                if all(part.whole for part in parts):
                    self._kept.keep(now.number, parts)
                else:
                    self._kept.forget()
            except BaseException:
                self.unsettled()
                raise
            self._fresh = True

    def _is_next(self, number: int, fallback: str) -> bool:
        """Return whether the next boot takes this generation."""
        if self._generations.confirmed()[:1] != [number] or self._generations.pending() is not None:
            return False
        try:
            return self._generations.manifest(number).comment != fallback
        except (NotFound, StorageError):
            return False
