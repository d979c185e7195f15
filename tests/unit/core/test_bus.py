# SPDX-License-Identifier: GPL-2.0-or-later
"""Events reach every observer in order; a slow one loses its stream and nobody else notices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from patronus.core.bus import BACKLOG, HISTORY, Bus, Event


@dataclass(frozen=True)
class Tick(Event):
    """A test event."""

    kind: ClassVar[str] = "tick"
    count: int


def test_observers_and_streams_see_events_in_order() -> None:
    bus = Bus()
    seen: list[Event] = []
    bus.observe(seen.append)
    with bus.stream() as queue:
        for count in range(3):
            bus.publish(Tick(count))
        received = [queue.get_nowait() for _ in range(3)]
    assert [item.number for item in received if item] == [1, 2, 3]
    assert seen == [Tick(0), Tick(1), Tick(2)]
    assert Tick(2).as_data() == {"kind": "tick", "count": 2}


def test_who_comes_back_gets_what_was_missed_or_is_told_that_it_is_lost() -> None:
    bus = Bus()
    for count in range(HISTORY + 2):
        bus.publish(Tick(count))
    newest = HISTORY + 2
    for after, kinds in (
        (newest, []),
        (newest - 2, ["tick"] * 2),
        (2, ["tick"] * HISTORY),
        (1, ["events-lost"] + ["tick"] * HISTORY),
        (newest + 1, ["events-lost"] + ["tick"] * HISTORY),
    ):
        with bus.stream(after) as queue:
            got = [item for item in queue.queue if item]
        assert [item.event.kind for item in got] == kinds
        assert [item.number for item in got] == sorted(item.number for item in got)
    with Bus().stream(5) as queue:
        assert [item.event.kind for item in queue.queue if item] == ["events-lost"]


def test_an_observer_that_fails_fails_neither_the_publisher_nor_the_next_one() -> None:
    bus = Bus()
    seen: list[Event] = []

    def fail(event: Event) -> None:
        raise ZeroDivisionError

    bus.observe(fail)
    bus.observe(seen.append)
    bus.publish(Tick(1))
    assert seen == [Tick(1)]


def test_a_returning_observer_gets_what_it_missed() -> None:
    bus = Bus()
    for count in range(5):
        bus.publish(Tick(count))
    with bus.stream(after=3) as queue:
        missed = [queue.get_nowait(), queue.get_nowait()]
        assert queue.empty()
    assert [item.event for item in missed if item] == [Tick(3), Tick(4)]


def test_a_slow_observer_is_cut_off_and_the_others_go_on() -> None:
    bus = Bus()
    seen: list[Event] = []
    bus.observe(seen.append)
    with bus.stream() as slow:
        for count in range(BACKLOG + 1):
            bus.publish(Tick(count))
        assert slow.get_nowait() is None
        assert slow.empty()
    assert len(seen) == BACKLOG + 1


def test_a_closed_stream_is_forgotten() -> None:
    bus = Bus()
    with bus.stream() as queue:
        pass
    bus.publish(Tick(1))
    assert queue.empty()
