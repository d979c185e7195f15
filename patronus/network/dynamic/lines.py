# SPDX-License-Identifier: GPL-2.0-or-later
"""A routing daemon's configuration as lines, each with the contexts that it stands in. Pure.

The daemons write it as ``show running-config`` does: a context's lines are indented by one space more than
its head. A line is what is compared, added and taken away; a context is there where a line stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LEAVING = ("exit", "exit-address-family", "end")
_NOT_OURS = ("frr ", "hostname ", "log ", "no ip forwarding", "no ipv6 forwarding", "Building ", "Current ")
"""What a daemon says of itself, or was told on its command line."""
_HEADS = ("router ", "interface ", "route-map ", "address-family ")


@dataclass(frozen=True)
class Line:
    """One line below the heads of its contexts: ``("router bgp 1", "address-family ipv4 unicast")``."""

    context: tuple[str, ...]
    text: str


def written(lines: Iterable[Line]) -> str:
    """Return the lines as a file that a daemon reads."""
    said: list[str] = []
    open_: tuple[str, ...] = ()
    for line in lines:
        if line.context != open_:
            said += _moved(open_, line.context)
            open_ = line.context
        said.append(" " * len(open_) + line.text)
    said += _moved(open_, ())
    return "".join(f"{one}\n" for one in said)


def _moved(before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    """Yield what leads from one context to another."""
    shared = 0
    while shared < min(len(before), len(after)) and before[shared] == after[shared]:
        shared += 1
    for depth in range(len(before) - 1, shared - 1, -1):
        yield " " * depth + left(before[depth])
    for depth in range(shared, len(after)):
        yield " " * depth + after[depth]


def left(head: str) -> str:
    """Return the command that leaves a context."""
    return "exit-address-family" if head.startswith("address-family ") else "exit"


def read(text: str) -> tuple[Line, ...]:
    """Return the lines of a running configuration, without what a daemon says of itself."""
    found: list[Line] = []
    open_: list[str] = []
    for raw in text.splitlines():
        said = raw.strip()
        depth = len(raw) - len(raw.lstrip())
        if not said or said.startswith("!"):
            continue
        if said in _LEAVING:
            del open_[-1:]
            continue
        del open_[depth:]
        if said.startswith(_HEADS):
            open_.append(said)
        elif open_ or not said.startswith(_NOT_OURS):
            found.append(Line(tuple(open_), said))
    return tuple(found)
