# SPDX-License-Identifier: GPL-2.0-or-later
"""The text of iptables-save or ip6tables-save as our rules and translations, with all that was not kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from patronus.core.errors import InvalidRequest
from patronus.core.problem import Severity
from patronus.core.values import message_of
from patronus.firewall.addresses import Version
from patronus.firewall.check.configuration import check_rule
from patronus.firewall.check.known import Known
from patronus.firewall.importing.condition import Condition, Unsaid
from patronus.firewall.importing.flatten import ANYTHING, MOST, TOO_MANY, Flat, Flattening
from patronus.firewall.importing.kinds import POSSIBLE
from patronus.firewall.importing.saved import Line, Table, tables, version_of
from patronus.firewall.importing.translated import OPEN, VERDICTS, Interface, Translation
from patronus.firewall.importing.translations import translations
from patronus.firewall.model import Nat, Rules

MODELS: Mapping[str, type[BaseModel]] = {"rules": Rules, "nat": Nat}
"""The key of a file's items, and its model."""
STOPS = frozenset({"DROP", "REJECT"})
NOBODY = "no packet that it fits comes to it by what is kept"
OPEN_OUT = "what the router itself sends is open here"
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
    tried: dict[Left, bool] = field(default_factory=dict)
    """All lines, left because no packet comes to them, and whether any does."""

    def add(self, key: str, items: Iterable[dict[str, Any]]) -> None:
        """Take rules or translations. Raises InvalidRequest where they are too many."""
        (self.rules if key == "rules" else self.nat).extend(items)
        if len(self.rules) + len(self.nat) > MOST:
            raise InvalidRequest(TOO_MANY)

    def leave(self, lines: Iterable[tuple[Line, str]]) -> None:
        """Name lines that could not be kept, with the reason of each; none twice."""
        self.name(Left(line.number, line.text, reason) for line, reason in lines)

    def name(self, left: Iterable[Left]) -> None:
        """Name lines that could not be kept; none twice."""
        self.left = sorted({*self.left, *left}, key=lambda one: (one.line, one.text, one.reason))

    def name_idle(self, others: Mapping[Left, bool]) -> None:
        """Name lines to which no packet comes, neither here nor by ``others``, but those named already."""
        named = {(one.line, one.text) for one in self.left}
        every = {**self.tried, **others}
        self.name(
            one
            for one in every
            if not self.tried.get(one) and not others.get(one) and (one.line, one.text) not in named
        )


def imported(text: str, interfaces: Mapping[str, Interface], taken: Iterable[str] = ()) -> Import:
    """Return what the text means in our words. ``taken`` are ids that rules and translations have already.

    Raises InvalidRequest where it comes to more than a router can hold.
    """
    version = version_of(text)
    read, faults = tables(text, version)
    found = written(read, version, interfaces, taken)
    found.name(Left(*fault) for fault in faults)
    found.name_idle({})
    return found


def written(
    read: Mapping[str, Table],
    version: Version,
    interfaces: Mapping[str, Interface],
    taken: Iterable[str] = (),
) -> Import:
    """Return what the tables of one family mean in our words. Raises InvalidRequest as ``imported``."""
    found, writer = Import(), Translation(interfaces, taken)
    for name, table in read.items():
        flat = Flattening(table, frozenset({*interfaces, "lo"}))
        if name == "filter":
            _filter(found, table, flat, writer, version)
        elif name == "nat":
            for chain in ("PREROUTING", "POSTROUTING"):
                _take(found, "nat", flat, chain, partial(translations, writer), writer.known)
            own = [*table.chains.get("INPUT", ()), *table.chains.get("OUTPUT", ())]
            _leave(flat, own, "what the router itself sends and gets is not translated here")
        else:
            lines = [line for chain in table.chains.values() for line in chain]
            _leave(flat, lines, f"the table {name} has no words here")
            flat.matter.update(lines)
        found.leave((*flat.left, *flat.lost()))
        for line in (line for chain in table.chains.values() for line in chain):
            idle = Left(line.number, line.text, NOBODY)
            found.tried[idle] = found.tried.get(idle, False) or line in flat.matter
    found.leave(writer.remarks)
    return found


def _filter(found: Import, table: Table, flat: Flattening, writer: Translation, version: Version) -> None:
    for chain in ("INPUT", "FORWARD"):
        start = Condition(kinds=POSSIBLE[chain, version])
        _take(found, "rules", flat, chain, writer.rules, writer.known, start)
        number, verdict = table.policies.get(chain, (0, ""))
        if verdict in VERDICTS:
            found.add("rules", writer.policy(chain, number, verdict, version))
    sent = table.chains.get("OUTPUT", ())
    flat.matter.update(sent)
    _leave(flat, [line for line in sent if line.target != "ACCEPT"], OPEN_OUT)
    number, verdict = table.policies.get("OUTPUT", (0, "ACCEPT"))
    if verdict != "ACCEPT":
        found.name([Left(number, f":OUTPUT {verdict}", OPEN_OUT)])


def _take(
    found: Import,
    key: str,
    flat: Flattening,
    chain: str,
    write: Writer,
    known: Known,
    start: Condition = ANYTHING,
) -> None:
    opened = False
    for one in flat.chain(chain, start):
        states = one.condition.states
        opened = opened or (one.target == "ACCEPT" and states is not None and states <= OPEN)
        try:
            rules = list(write(chain, one))
            _refuse(rules, key, known)
        except Unsaid as unsaid:
            found.left.append(Left(one.line.number, one.line.text, str(unsaid)))
            continue
        found.add(key, rules)
        if rules and not opened and (states is None or states & OPEN) and one.target in STOPS:
            found.left.append(Left(one.line.number, one.line.text, BEFORE_OPEN))


def _leave(flat: Flattening, lines: Iterable[Line], reason: str) -> None:
    flat.left += [(one, reason) for one in lines]


def _refuse(items: Iterable[dict[str, Any]], key: str, known: Known) -> None:
    """Raise Unsaid where a file could not hold one of the items: the line says what cannot be."""
    try:
        for item in items:
            model = MODELS[key].model_validate({key: [item]})
            for rule in model.rules if isinstance(model, Rules) else ():
                for problem in check_rule(rule, (), known):
                    if problem.severity is Severity.ERROR:
                        raise Unsaid(f"it says what cannot be: {problem.message}")
    except ValidationError as error:
        raise Unsaid(f"it says what cannot be: {message_of(error.errors(include_url=False)[0])}") from None
