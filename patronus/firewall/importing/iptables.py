# SPDX-License-Identifier: GPL-2.0-or-later
"""The text of iptables-save as our rules and translations, with all lines that could not be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from patronus.firewall.importing.condition import Unsaid
from patronus.firewall.importing.flatten import Flat, Flattening
from patronus.firewall.importing.saved import Line, Table, tables
from patronus.firewall.importing.translated import OPEN, VERDICTS, Interface, Translation

STOPS = frozenset({"DROP", "REJECT"})
BEFORE_OPEN = "taken for first packets; before the line that lets open connections go on it stopped those too"
Writer = Callable[[str, Flat], Iterator[dict[str, Any]]]


@dataclass(frozen=True)
class Left:
    """A line that is not in the import, or is in it with another meaning, and why."""

    line: int
    text: str
    reason: str


@dataclass
class Import:
    """Rules and translations as the files have them; ``left`` are the lines that could not be kept."""

    rules: list[dict[str, Any]] = field(default_factory=list)
    nat: list[dict[str, Any]] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


def imported(text: str, interfaces: Mapping[str, Interface], taken: Iterable[str] = ()) -> Import:
    """Return what the text means in our words. ``taken`` are ids that rules and translations have already."""
    found, (read, faults) = Import(), tables(text)
    found.left += [Left(*fault) for fault in faults]
    writer = Translation(interfaces, taken)
    for name, table in read.items():
        flat = Flattening(table, frozenset({*interfaces, "lo"}))
        if name == "filter":
            _filter(found, table, flat, writer)
        elif name == "nat":
            for chain in ("PREROUTING", "POSTROUTING"):
                _take(found, found.nat, flat, chain, writer.translations)
            own = [*table.chains.get("INPUT", ()), *table.chains.get("OUTPUT", ())]
            _leave(found, own, "what the router itself sends and gets is not translated here")
        else:
            lines = [line for chain in table.chains.values() for line in chain]
            _leave(found, lines, f"the table {name} has no words here")
        found.left += [Left(line.number, line.text, reason) for line, reason in flat.left]
    found.left += [Left(line.number, line.text, remark) for line, remark in writer.remarks]
    found.left = sorted(set(found.left), key=lambda one: one.line)
    return found


def _filter(found: Import, table: Table, flat: Flattening, writer: Translation) -> None:
    for chain in ("INPUT", "FORWARD"):
        _take(found, found.rules, flat, chain, writer.rules)
        number, verdict = table.policies.get(chain, (0, ""))
        if verdict in VERDICTS:
            found.rules += writer.policy(chain, number, verdict)
    own = [line for line in table.chains.get("OUTPUT", ()) if line.value("-j", "--jump") != "ACCEPT"]
    _leave(found, own, "what the router itself sends is open here")


def _take(found: Import, into: list[dict[str, Any]], flat: Flattening, chain: str, write: Writer) -> None:
    opened = False
    for one in flat.chain(chain):
        states = one.condition.states
        opened = opened or (one.target == "ACCEPT" and states is not None and states <= OPEN)
        try:
            rules = list(write(chain, one))
        except Unsaid as unsaid:
            found.left.append(Left(one.line.number, one.line.text, str(unsaid)))
            continue
        into += rules
        if rules and not opened and states is None and one.target in STOPS:
            found.left.append(Left(one.line.number, one.line.text, BEFORE_OPEN))


def _leave(found: Import, lines: Iterable[Line], reason: str) -> None:
    found.left += [Left(one.number, one.text, reason) for one in lines]
