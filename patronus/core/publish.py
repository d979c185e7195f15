# SPDX-License-Identifier: GPL-2.0-or-later
"""The commit proper: a generation onto the disk, into the kernel, and confirmed; or everything as before.

The order is what makes a power cut harmless. A boot reads ``confirmed`` alone, and that pointer moves last,
by one rename: until then the old generation is whole, from then on the new one is.
"""

from __future__ import annotations

from patronus.core.confirm import Pending, pending_until
from patronus.core.errors import PatronusError
from patronus.core.generations import Manifest
from patronus.core.parts import Parts, tolerated
from patronus.core.running import Runner, Running
from patronus.core.schema import Loaded
from patronus.core.walk import Plans


class Publisher:
    """Moves disk and kernel together; the caller has the turn."""

    def __init__(self, parts: Parts, runner: Runner) -> None:
        self._parts = parts
        self._generations = parts.generations
        self._runner = runner

    def publish(
        self, manifest: Manifest, loaded: Loaded, plans: Plans, within_s: float | None
    ) -> tuple[int, list[str]]:
        """Make the loaded files the running generation; return its number and what went wrong beside it.

        ``within_s``: it must be confirmed in so many seconds; None confirms it now. Raises KernelError,
        StorageError, and then kernel and pointers are as before.
        """
        before, waiting = self._runner.running, self._generations.pending()
        number = self._generations.publish(manifest, loaded.texts).number
        try:
            if within_s is not None:
                clock, actor = self._parts.clock, manifest.actor
                self._generations.set_pending(pending_until(clock, number, within_s, actor))
            self._runner.change_to(Running(number, loaded, plans))
            self._generations.set_current(number)
            if within_s is None:
                self._generations.confirm(number)
        except BaseException as error:
            for complaint in self._take_back(before, number, waiting):
                error.add_note(complaint)
            raise
        complaints = [] if within_s is not None else self._confirmed(number)
        return number, complaints + self._tidy()

    def _take_back(self, before: Running, number: int, waiting: Pending | None) -> list[str]:
        """Return to what ran, in the kernel and on the disk; return what did not work."""
        complaints: list[str] = []
        if self._runner.running.number == number:
            try:
                self._runner.change_to(before)
            except PatronusError as error:
                complaints.append(f"generation {before.number} could not be applied again: {error}")
        if self._generations.confirmed()[:1] == [number]:
            complaints += tolerated(lambda: self._generations.unconfirm(number))
        complaints += tolerated(lambda: self._generations.set_pending(waiting))
        return complaints + tolerated(lambda: self._generations.set_current(before.number))

    def confirm(self, number: int) -> list[str]:
        """Make the running generation the one that a boot takes. Raises StorageError, and it still waits."""
        self._generations.confirm(number)
        return self._confirmed(number)

    def _confirmed(self, number: int) -> list[str]:
        """Let nothing wait any more, and keep what was confirmed in memory too; return what went wrong."""
        texts = self._runner.running.loaded.texts
        complaints = tolerated(lambda: self._generations.set_pending(None))
        self._runner.settled()
        return complaints + tolerated(lambda: self._parts.spare.keep(number, texts))

    def reverted(self) -> list[str]:
        """Note on the disk that the running generation is the confirmed one again."""
        number = self._runner.running.number
        complaints = tolerated(lambda: self._generations.set_pending(None))
        self._runner.settled()
        complaints += tolerated(lambda: self._generations.set_current(number))
        return complaints + self._tidy()

    def _tidy(self) -> list[str]:
        complaints = self._parts.write_working_copy(self._runner.running.loaded.texts)
        return complaints + tolerated(self._generations.prune)
