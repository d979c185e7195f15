# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of a folded list to the rules of a chain: a branch is one look-up, its cells are chains.

The rules of a cell are the ones that would stand in the chain itself, word for word. A packet that none of
them decides comes back and goes on behind the branch, as does one whose field lies in no cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from patronus.firewall.addresses import Interval, address
from patronus.firewall.optimise.fold import Branch, Field, Kind, Step
from patronus.firewall.policy import PolicyRule
from patronus.firewall.table import statements as say
from patronus.firewall.table.ruleset import Chain, Expression, NftRule, Ways

Rules = Callable[[PolicyRule, Kind], Sequence[NftRule]]
"""The rules of nftables that one of the policy becomes, for packets of a family, or of both (0)."""
PORTS = {"destination_port": "dport", "source_port": "sport"}
ADDRESSES = {"source": "saddr", "destination": "daddr"}
Cell = tuple[str, Kind, int]
"""The branch, and the kind and first of the values."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a cell without branches of its own became, and of which steps."""

    steps: tuple[Step, ...]
    name: str
    chain: Chain


@dataclass
class Folded:
    """What a chain has beside itself: its cells, and the maps that lead there.

    ``known`` are cells that were made before: those whose rules are the same objects need not be made again.
    """

    rules: Rules
    known: dict[Cell, Made] = field(default_factory=dict)
    made: dict[Cell, Made] = field(default_factory=dict)
    chains: dict[str, Chain] = field(default_factory=dict)
    ways: dict[str, Ways] = field(default_factory=dict)

    def body(self, name: str, steps: Sequence[Step], kind: Kind = 0) -> Iterator[NftRule]:
        """Yield the rules of the chain ``name``; ``kind`` is the family of what comes by, 0 for both."""
        for place, step in enumerate(steps):
            if isinstance(step, Branch):
                yield from self._branch(f"{name}/{place}", step, kind)
            else:
                yield from self.rules(step, kind)

    def _branch(self, name: str, branch: Branch, kind: Kind) -> Iterator[NftRule]:
        jumps: dict[Kind, dict[Interval, str]] = {}
        for (of, cell), steps in branch.cells.items():
            if kind and of and of != kind:
                continue
            key: Cell = name, of, cell[0]
            made = self.known.get(key)
            if made is None or made.steps != steps:
                made = self._made(name, of, cell, steps, of or kind)
            if not any(isinstance(step, Branch) for step in steps):
                self.made[key] = made
            self.chains[made.name] = made.chain
            jumps.setdefault(of, {})[cell] = made.name
        for of, found in jumps.items():
            self.ways[f"{name}/{of}"] = Ways(of, found)
            yield NftRule("branch", (say.way_by(_asked(branch.field, of), f"{name}/{of}"),))

    def _made(self, branch: str, of: Kind, cell: Interval, steps: tuple[Step, ...], kind: Kind) -> Made:
        name = f"{branch}/{address(of, cell[0]) if of else cell[0]}"
        return Made(steps, name, Chain(tuple(self.body(name, steps, kind))))


def _asked(name: Field, kind: Kind) -> Expression:
    return say.payload(say.IP[kind], ADDRESSES[name]) if kind else say.payload("th", PORTS[name])
