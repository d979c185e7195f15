# SPDX-License-Identifier: GPL-2.0-or-later
"""``system.Events``: the bus as many replies to one call, for a caller who is still allowed to see them.

Each reply names the stream, which is another one after each start of the daemon, and the number of the event
in it. Who comes back with both goes on where they were; where that is no longer known they are told so.
"""

from __future__ import annotations

import queue
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from patronus.core.bus import Bus
from patronus.core.varlink import Message

IDLE_S = 15.0
"""A stream that has nothing to tell says so this often, so that a broken peer is noticed."""
NEVER = 2**62
"""A number that no event has: what an unknown stream counts as."""


class EventStream:
    """Streams the bus to one caller after another."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.name = secrets.token_hex(4)

    def replies(self, given: dict[str, Any], permit: Callable[[], object]) -> Iterator[Message]:
        """Yield replies without an end; ``after`` and ``stream`` say where the caller was.

        The first comes at once and says where the stream begins; one without an event is a sign of life.

        ``permit`` is asked before each reply and raises where the caller's session has ended.
        """
        permit()
        after = self._after(given)
        start = self._bus.last if after is None else after
        with self._bus.stream(after) as events:
            yield self._reply(start, None)
            while True:
                try:
                    numbered = events.get(timeout=IDLE_S)
                except queue.Empty:
                    permit()
                    yield self._reply(None, None)
                    continue
                if numbered is None:
                    return
                permit()
                yield self._reply(numbered.number, numbered.event.as_data())

    def _after(self, given: dict[str, Any]) -> int | None:
        after, stream = given.get("after"), given.get("stream")
        if not isinstance(after, int) or isinstance(after, bool):
            return None
        return after if stream in (None, self.name) else NEVER

    def _reply(self, number: int | None, event: dict[str, Any] | None) -> Message:
        return {"parameters": {"stream": self.name, "number": number, "event": event}, "continues": True}
