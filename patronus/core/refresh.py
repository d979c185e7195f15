# SPDX-License-Identifier: GPL-2.0-or-later
"""Planning and applying the running configuration again because the world has changed, until that works."""

from __future__ import annotations

import logging

from patronus.core.chronicle import Chronicle
from patronus.core.errors import PatronusError
from patronus.core.events import ApplyFailed
from patronus.core.parts import Parts
from patronus.core.running import Runner, Running
from patronus.core.turn import Turn
from patronus.core.walk import Walk

log = logging.getLogger(__name__)

FIRST_S = 2.0
LONGEST_S = 60.0
"""Pauses before a refresh that failed is tried again: the first, doubled each time, up to the longest."""


class Refresher:
    """Refreshes; one that failed is owed, and the daemon's timer (``Parts.on_owed``) asks for it again."""

    def __init__(self, parts: Parts, walk: Walk, runner: Runner, chronicle: Chronicle, turn: Turn) -> None:
        self._parts = parts
        self._walk = walk
        self._runner = runner
        self._chronicle = chronicle
        self._turn = turn
        self._pause_s = FIRST_S
        self.owed: str | None = None

    def refresh(self, reason: str) -> None:
        """Plan and apply again. Asked for within a change, it happens right after.

        Raises InvalidConfiguration, KernelError; then it is owed.
        """
        with self._turn.taken() as nested:
            if nested:
                self._turn.afterwards(lambda: self._later(reason))
                return
            running = self._runner.running
            try:
                prepared = self._walk.prepare(running.loaded.config)
                self._runner.change_to(Running(running.number, running.loaded, prepared.plans))
            except Exception as error:  # also a mistake, of a plug-in as of ours: it is owed all the same
                self._owe(reason, error)
                raise
            self._settle()

    def again(self) -> bool:
        """Try what is owed; return whether anything was. Raises InvalidConfiguration, KernelError."""
        reason = self.owed
        if reason is not None:
            self.refresh(reason)
        return reason is not None

    def _later(self, reason: str) -> None:
        """Refresh after the turn; a failure has been said as an event, and there is nobody else to tell."""
        try:
            self.refresh(reason)
        except PatronusError:
            return
        except Exception:  # the change before it has succeeded, whatever its caller is told of this
            log.exception("what has changed could not be applied")

    def _owe(self, reason: str, error: Exception) -> None:
        running = self._runner.running
        if self.owed is None:
            self._chronicle.say(ApplyFailed(running.number, f"{reason}: {error}", self._runner.restored))
        self.owed = reason
        self._parts.on_owed(self._pause_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_S)

    def _settle(self) -> None:
        self._runner.settled()
        if self.owed is not None:
            self.owed, self._pause_s = None, FIRST_S
            self._parts.on_owed(None)
