# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from webui.streams import Open, Streams


def test_the_newest_of_a_source_takes_the_place_of_its_oldest_and_of_nobody_else() -> None:
    ended: list[str] = []
    streams = Streams(each=2, together=3)
    first, second, third, other, late = (
        Open(source, lambda name=name: ended.append(name))  # type: ignore[misc]
        for name, source in (("1", "a"), ("2", "a"), ("3", "a"), ("other", "b"), ("late", "c"))
    )
    assert streams.enter(first)
    assert streams.enter(second)
    assert streams.enter(other)
    assert ended == []
    assert streams.enter(third), "the house is full, but the place is its own"
    assert ended == ["1"]
    assert not streams.enter(late)
    streams.leave(first)
    assert not streams.enter(late), "who was displaced gives no second place back"
    streams.leave(other)
    assert streams.enter(late)
    assert ended == ["1"]
