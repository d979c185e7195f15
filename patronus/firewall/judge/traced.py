# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps that the kernel told as the ways of packets, each with what decided. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from patronus.core.trace import Seen, TraceStep
from patronus.firewall.addresses import end_of
from patronus.firewall.judge.words import NAMES
from patronus.firewall.table.ruleset import TABLE

REWRITING = frozenset({"destinations", "sources"})
"""Chains of ours that translate and decide nothing."""
Comments = Mapping[tuple[str, int], str]
"""Chain and handle of a rule of ours → where it came from."""
Named = Callable[[str, str, Seen | None], str]
"""A chain, where one of its rules came from, and the packet → where that came from which the packet met."""


@dataclass(frozen=True)
class Traced:
    """One packet: as it came, each step with where the rule came from, and what decided it last."""

    first: Seen
    last: Seen
    steps: tuple[tuple[TraceStep, str | None], ...]

    @property
    def fate(self) -> str:
        """Return what became of it: ``dropped by rule/r-7f3a``, ``accepted by pair/lan/wan``."""
        final = [pair for pair in self.steps if pair[0].verdict in ("accept", "drop")]
        dropped = [pair for pair in final if pair[0].verdict == "drop"]
        ours = [pair for pair in final if pair[1] is not None and pair[0].chain not in REWRITING]
        if not final:
            return "not decided while it was followed"
        step, origin = (dropped or ours or final)[-1]
        by = origin or f"{'the policy of ' if step.passage == 'policy' else ''}{step.table} {step.chain}"
        return f"{'dropped' if dropped else 'accepted'} by {by}"


def traced(steps: Iterable[TraceStep], comments: Comments, ignored: str, named: Named) -> Iterator[Traced]:
    """Yield the packets in the order in which they came; steps in the table ``ignored`` are left out."""
    packets: dict[int, list[TraceStep]] = {}
    for step in steps:
        packets.setdefault(step.packet, []).append(step)
    for way in packets.values():
        seen = [step.seen for step in way if step.seen is not None]
        if seen:
            yield Traced(seen[0], seen[-1], tuple(_told(way, comments, ignored, named)))


def _told(
    way: Iterable[TraceStep], comments: Comments, ignored: str, named: Named
) -> Iterator[tuple[TraceStep, str | None]]:
    """Yield the steps of a packet, each with where its rule came from."""
    seen: Seen | None = None
    for step in way:
        seen = step.seen or seen
        if step.table != ignored and not _is_bare_end(step):
            origin = _origin(step, comments)
            yield step, origin and named(step.chain, origin, seen)


def _is_bare_end(step: TraceStep) -> bool:
    """Return whether this is how the kernel tells that a base chain has no more rules: the policy follows."""
    return step.passage == "rule" and step.handle is None


def _origin(step: TraceStep, comments: Comments) -> str | None:
    if step.table != TABLE or step.handle is None:
        return None
    return comments.get((step.chain, step.handle), "").partition(" ")[0] or None


def spoken(packet: Traced) -> Iterator[str]:
    """Yield the packet's way in lines."""
    yield f"{_words(packet.first)} arrives at {packet.first.arrives_on or 'no device'}."
    for step, origin in packet.steps:
        yield f"  {step.table} {step.chain}: {origin or step.passage}: {step.verdict}"
    if _words(packet.last) != _words(packet.first):
        yield f"It has become {_words(packet.last)}."
    way = f", and leaves by {packet.last.leaves_by}" if packet.last.leaves_by else ""
    yield f"It is {packet.fate}{way if packet.fate.startswith('accepted') else ''}."


def _words(seen: Seen) -> str:
    name = NAMES.get(seen.protocol, f"protocol {seen.protocol}")
    ends = end_of(seen.source, seen.source_port), end_of(seen.destination, seen.destination_port)
    return f"{name} {' to '.join(ends)}"
