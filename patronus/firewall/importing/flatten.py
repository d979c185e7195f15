# SPDX-License-Identifier: GPL-2.0-or-later
"""The chains of a table as one list: what each line fits on its way from the chain that the kernel calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from patronus.core.errors import InvalidRequest
from patronus.firewall.importing.condition import Condition, Unsaid
from patronus.firewall.importing.options import condition
from patronus.firewall.importing.saved import Line, Table

DEPTH = 16
"""Chains that call each other; more are a ring."""
MOST = 10_000
"""Lines that are tried on all ways through the chains, and rules that come of them."""
TOO_MANY = f"it comes to more than {MOST} rules, for chains count once for each line that leads to them"


@dataclass(frozen=True)
class Flat:
    """A line with all that a packet must be to come to it, and its target."""

    line: Line
    condition: Condition
    target: str


@dataclass
class Flattening:
    """What was found, and the lines that could not be kept with the reason."""

    table: Table
    names: frozenset[str]
    left: list[tuple[Line, str]] = field(default_factory=list)
    _tried: int = 0
    _reached: set[str] = field(default_factory=set)

    def chain(self, name: str, condition: Condition | None = None, depth: int = 0) -> Iterator[Flat]:
        """Yield the lines of a chain and of those that it calls, in the order in which they are tried.

        Raises InvalidRequest where there is no end of them.
        """
        here = condition or Condition()
        self._reached.add(name)
        for line in self.table.chains.get(name, ()):
            self._tried += 1
            if self._tried > MOST:
                raise InvalidRequest(TOO_MANY)
            try:
                wanted, target = self._condition(line), line.target
                if target == "RETURN":
                    if wanted == Condition():
                        return
                    here = here.without(wanted, self.names, line.version)
                    continue
                both = here.both(wanted)
                if both.is_empty:
                    continue
                if target not in self.table.chains:
                    yield Flat(line, both, target)
                    continue
                self._refuse_chain(target, both, depth)
            except Unsaid as unsaid:
                self.left.append((line, str(unsaid)))
                continue
            yield from self.chain(target, both, depth + 1)

    def lost(self) -> Iterator[tuple[Line, str]]:
        """Yield the lines of chains to which only lines lead that could not be kept, once all is flat."""
        waiting = [line for line, _ in self.left]
        while waiting:
            by = waiting.pop()
            if by.target in self._reached:
                continue
            self._reached.add(by.target)
            behind = self.table.chains.get(by.target, ())
            yield from ((line, f"line {by.number} alone leads to it, and is not kept") for line in behind)
            waiting += behind

    def _condition(self, line: Line) -> Condition:
        if line.fault:
            raise Unsaid(line.fault)
        if line.value("-g", "--goto"):
            raise Unsaid("a jump without return (-g) has no word here")
        return condition(line, self.names)

    def _refuse_chain(self, target: str, both: Condition, depth: int) -> None:
        if depth >= DEPTH:
            raise Unsaid(f"the chain {target} comes back to itself")
        counted = both.more.keys() & {"limit", "connections"}
        if counted and len(self.table.chains[target]) > 1:
            raise Unsaid(f"a limit before the chain {target} would count for each of its lines")
