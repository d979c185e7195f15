# SPDX-License-Identifier: GPL-2.0-or-later
"""What a running daemon must be told so that it runs other lines, and nothing that it need not. Pure.

A session ends where a line of its own is taken away or replaced by one that FRR cannot change in place; what
stays is not said again, so that all others go on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from patronus.network.dynamic.lines import Line, left

_IN_PLACE = re.compile(
    r"((?:ip|ipv6) prefix-list \S+ seq \d+|(?:bgp |ospf |ospf6 )router-id"
    r"|neighbor \S+ (?:(?:interface v6only )?remote-as|description|password|timers(?: connect)?"
    r"|ebgp-multihop|maximum-prefix|update-source)"
    r"|neighbor \S+ prefix-list(?= \S+ (?P<way>in|out))"
    r"|(?:ip ospf|ipv6 ospf6) (?:cost|hello-interval|dead-interval|priority|network)) "
)
"""Lines that one with the same beginning replaces: their beginning."""
_PEER = re.compile(r"neighbor (\S+) ((?:interface v6only )?remote-as )?")


def key(text: str) -> str | None:
    """Return what two lines have in common of which the later replaces the earlier; None: nothing does."""
    found = _IN_PLACE.match(text)
    return f"{found[1]} {found['way'] or ''}" if found else None


def commands(running: Sequence[Line], wanted: Sequence[Line]) -> list[str]:
    """Return the commands, in the mode of configuration, that lead from the one to the other."""
    going, coming = _missing(running, wanted), _missing(wanted, running)
    replaced = {(line.context, key(line.text)) for line in coming if key(line.text)}
    going = [line for line in going if (line.context, key(line.text)) not in replaced]
    said = [
        *_gone(going, wanted),
        *_told(Line(one.context, _undone(one.text)) for one in _left(going, wanted)),
    ]
    return [*said, *_told(coming)]


def _missing(lines: Sequence[Line], other: Sequence[Line]) -> list[Line]:
    there = set(other)
    return [line for line in lines if line not in there]


def _whole(context: tuple[str, ...]) -> bool:
    """Return whether the outermost context is one that goes with its lines, other than a link's."""
    return bool(context) and not context[0].startswith("interface ")


def _gone(going: Iterable[Line], wanted: Iterable[Line]) -> Iterator[str]:
    """Yield the contexts that go as a whole."""
    staying = {line.context[0] for line in wanted if line.context}
    heads = dict.fromkeys(line.context[0] for line in going if _whole(line.context))
    yield from (f"no {head}" for head in heads if head not in staying)


def _left(going: Iterable[Line], wanted: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines that go one by one; a neighbour that goes takes all of its lines along."""
    wanted = tuple(wanted)
    staying = {line.context[0] for line in wanted if line.context}
    peers = {(line.context[0], found[1]) for line in wanted if line.context and (found := _peer(line))}
    for line in going:
        if _whole(line.context) and line.context[0] not in staying:
            continue
        found = _peer(line) if line.context else None
        if found is None or (line.context[0], found[1]) in peers:
            yield line
        elif found[2]:
            yield Line(line.context, f"neighbor {found[1]}")


def _peer(line: Line) -> re.Match[str] | None:
    return _PEER.match(line.text)


def _undone(text: str) -> str:
    return text.removeprefix("no ") if text.startswith("no ") else f"no {text}"


def _told(lines: Iterable[Line]) -> Iterator[str]:
    """Yield the lines with the commands that enter and leave their contexts."""
    open_: tuple[str, ...] = ()
    for line in lines:
        if line.context != open_:
            yield from (left(head) for head in reversed(open_))
            yield from line.context
            open_ = line.context
        yield line.text
    yield from (left(head) for head in reversed(open_))
