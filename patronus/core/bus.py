# SPDX-License-Identifier: GPL-2.0-or-later
"""The event bus: typed, numbered events for observers, who can see a change and cannot fail it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from queue import Full, Queue
from typing import Any, ClassVar

log = logging.getLogger(__name__)

HISTORY = 256
"""Events kept for an observer that comes back after a short absence."""
BACKLOG = 1024
"""Events that one slow observer may have waiting; past that it is cut off and must start again."""


@dataclass(frozen=True)
class Event:
    """Base of every event; subclasses add fields and set ``kind``, the tag on the wire."""

    kind: ClassVar[str] = "event"

    def as_data(self) -> dict[str, Any]:
        """Return the event as JSON-ready data, tagged by ``kind``."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class EventsLost(Event):
    """What an observer asked for is no longer known: it must read anew what it shows."""

    kind: ClassVar[str] = "events-lost"


@dataclass(frozen=True)
class Numbered:
    """An event with its place in the stream; ``number`` counts from 1 since the daemon started."""

    number: int
    event: Event


class Bus:
    """Hands each event to every observer in the order of publication. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._history: deque[Numbered] = deque(maxlen=HISTORY)
        self._queues: list[Queue[Numbered | None]] = []
        self._observers: list[Callable[[Event], None]] = []
        self._last = 0

    @property
    def last(self) -> int:
        """The number of the newest event, 0 before there is one."""
        return self._last

    def publish(self, event: Event) -> None:
        """Give the event to all. Never blocks on a slow observer, and never raises what one has raised."""
        with self._lock:
            self._last += 1
            numbered = Numbered(self._last, event)
            self._history.append(numbered)
            for queue in list(self._queues):
                self._offer(queue, numbered)
            observers = list(self._observers)
        for observer in observers:
            try:
                observer(event)
            except Exception:  # what was published has happened; an observer's mistake cannot fail it
                log.exception("an observer of %s failed", event.kind)

    def _offer(self, queue: Queue[Numbered | None], numbered: Numbered) -> None:
        try:
            queue.put_nowait(numbered)
        except Full:
            self._queues.remove(queue)
            queue.queue.clear()
            queue.put_nowait(None)

    def observe(self, observer: Callable[[Event], None]) -> None:
        """Call ``observer`` with each event from now on, in the publisher's thread; it must be quick."""
        with self._lock:
            self._observers.append(observer)

    @contextmanager
    def stream(self, after: int | None = None) -> Iterator[Queue[Numbered | None]]:
        """Lend a queue of the events after number ``after`` (None: from now on); a None in it ends it.

        Where events after that number are no longer known, or none has that number, EventsLost comes first.
        """
        queue: Queue[Numbered | None] = Queue(BACKLOG)
        with self._lock:
            for numbered in self._missed(after) if after is not None else ():
                queue.put_nowait(numbered)
            self._queues.append(queue)
        try:
            yield queue
        finally:
            with self._lock:
                if queue in self._queues:
                    self._queues.remove(queue)

    def _missed(self, after: int) -> Iterator[Numbered]:
        """Yield the kept events after a number, and before them EventsLost if there are others."""
        before = self._last - len(self._history)
        if not before <= after <= self._last:
            after = before
            yield Numbered(before, EventsLost())
        yield from (numbered for numbered in self._history if numbered.number > after)
