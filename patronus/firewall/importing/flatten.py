# SPDX-License-Identifier: GPL-2.0-or-later
"""The chains of a table as one list: what each line fits on its way from the chain that the kernel calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
ANYTHING = Condition()
VERDICTS = frozenset({"ACCEPT", "DROP", "REJECT", "NFQUEUE"})
Ways = tuple[Condition, ...]
"""What may come to a line: packets that fit any of these, which have none in common."""


@dataclass(frozen=True)
class Flat:
    """A line with all that a packet must be to come to it, and its target."""

    line: Line
    condition: Condition
    target: str


@dataclass
class Flattening:
    """What was found: the lines that ``matter``, and those that could not be kept with the reason."""

    table: Table
    names: frozenset[str]
    left: list[tuple[Line, str]] = field(default_factory=list)
    matter: set[Line] = field(default_factory=set)
    _tried: int = 0
    _reached: set[str] = field(default_factory=set)
    _deciding: dict[str, bool] = field(default_factory=dict)

    def chain(self, name: str, start: Condition = ANYTHING) -> Iterator[Flat]:
        """Yield the lines of a chain and of those that it calls, in the order in which they are tried.

        Raises InvalidRequest where there is no end of them.
        """
        yield from self._follow(name, (start,), 0)

    def _follow(self, name: str, ways: Ways, depth: int) -> Iterator[Flat]:
        self._reached.add(name)
        lines = self.table.chains.get(name, ())
        for at, line in enumerate(lines):
            if not ways:
                return
            target, returns = self._target(name, line, depth), self._returns(line, depth)
            try:
                wanted = self._wanted(line)
                here, onward = self._part(line, ways, wanted, returns=returns)
                if here and target in self.table.chains:
                    self._refuse_chain(target, here, depth)
            except Unsaid as unsaid:
                self.left.append((line, str(unsaid)))
                if returns:
                    self._leave_behind(line, lines[at + 1 :])
                    return
                continue
            if target in self.table.chains:
                yield from self._follow(target, here, depth + 1) if here else ()
            elif target != "RETURN":
                yield from (Flat(line, one, target) for one in here)
            ways = onward

    def _target(self, name: str, line: Line, depth: int) -> str:
        """Return the target; where the kernel's own chain ends with a return, what its policy says."""
        ends = line.target == "RETURN" and not self._returns(line, depth)
        return self.table.policies.get(name, (0, "ACCEPT"))[1] if ends else line.target

    def _returns(self, line: Line, depth: int) -> bool:
        """Return whether what fits the line may leave the chain without a verdict."""
        if line.target == "RETURN":
            return depth > 0 or self._fits_all(line)
        return bool(line.value("-g", "--goto")) and not self._decides(line.target)

    def _part(self, line: Line, ways: Ways, wanted: Condition, *, returns: bool) -> tuple[Ways, Ways]:
        """Return the packets that fit the line, and those that may come to the next. Raises Unsaid."""
        self._tried += len(ways)
        if self._tried > MOST:
            raise InvalidRequest(TOO_MANY)
        here: Ways = ()
        onward: Ways = ()
        for way in ways:
            both = way.both(wanted)
            here += () if both.is_empty else (both,)
            leaves = returns and not both.is_empty
            onward += way.without(wanted, self.names, line.version) if leaves else (way,)
        self.matter |= {line} if here else set()
        return here, onward

    def _leave_behind(self, line: Line, lines: Sequence[Line]) -> None:
        reason = f"line {line.number} before it, where packets leave the chain, is not kept"
        self.left += [(one, reason) for one in lines]

    def _decides(self, name: str) -> bool:
        """Return whether no packet that comes to a chain leaves it without a verdict."""
        if name not in self._deciding:
            self._deciding[name] = False
            self._deciding[name] = self._ends(name)
        return self._deciding[name]

    def _ends(self, name: str) -> bool:
        for line in self.table.chains.get(name, ()):
            decides = line.target in VERDICTS or self._decides(line.target)
            if line.target == "RETURN" or (line.value("-g", "--goto") and not decides):
                return False
            if decides and self._fits_all(line):
                return True
        return False

    def _fits_all(self, line: Line) -> bool:
        try:
            return self._wanted(line) == ANYTHING
        except Unsaid:
            return False

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

    def _wanted(self, line: Line) -> Condition:
        if line.fault:
            raise Unsaid(line.fault)
        return condition(line, self.names)

    def _refuse_chain(self, target: str, here: Ways, depth: int) -> None:
        if depth >= DEPTH:
            raise Unsaid(f"the chain {target} comes back to itself")
        counted = any(one.more.keys() & {"limit", "connections"} for one in here)
        if counted and len(self.table.chains[target]) > 1:
            raise Unsaid(f"a limit before the chain {target} would count for each of its lines")
