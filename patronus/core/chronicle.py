# SPDX-License-Identifier: GPL-2.0-or-later
"""How the engine tells what it did: events when its turn is over, records in the audit log at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from patronus.core.bus import Event
from patronus.core.changes import Change, recorded
from patronus.core.parts import Parts, tolerated
from patronus.core.turn import Turn
from patronus.core.verb import Caller, Role

ENGINE = Caller("patronus", Role.ADMIN)
"""Who acts when the engine acts on its own."""


class Chronicle:
    """The caller has the turn."""

    def __init__(self, parts: Parts, turn: Turn) -> None:
        self._parts = parts
        self._turn = turn
        self._differences: list[dict[str, Any]] = []

    def note(self, found: Sequence[Change]) -> None:
        """Take down what the change under way makes different; the next record tells it."""
        self._differences = recorded(found)

    def say(self, event: Event) -> None:
        """Publish the event when the turn is over."""
        self._turn.afterwards(lambda: self._parts.bus.publish(event))

    def record(self, action: str, caller: Caller, outcome: str, details: dict[str, Any]) -> list[str]:
        """Write an audit record; return what went wrong, for the answer to carry."""
        audit = self._parts.audit
        if self._differences:
            details = {**details, "differences": self._differences}
            self._differences = []
        return tolerated(lambda: audit.append(action, caller, outcome, details))

    def deadline(self) -> None:
        """Tell the daemon's timer when the engine wants to look at the pending change."""
        pending = self._parts.generations.pending()
        self._parts.on_deadline(None if pending is None else max(pending.remaining_s(self._parts.clock), 0.0))
