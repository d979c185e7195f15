# SPDX-License-Identifier: GPL-2.0-or-later
"""Flat lines of iptables as rules of ours, in the form that the files have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from patronus.core.typed import number_or_text
from patronus.core.values import Refused, parse_id
from patronus.firewall.addresses import Version, address, single_network
from patronus.firewall.check.known import Known
from patronus.firewall.importing.condition import Condition, Intervals, Unsaid
from patronus.firewall.importing.flatten import Flat
from patronus.firewall.importing.kinds import addressed
from patronus.firewall.importing.saved import Line
from patronus.firewall.model import Rules
from patronus.firewall.model.match import Protocol
from patronus.firewall.model.queue import parse_queue_numbers
from patronus.firewall.resolve.names import Names
from patronus.network.interfaces.plan import InterfacesPlan

EVERYWHERE: Mapping[Version, str] = {4: "0.0.0.0/0", 6: "::/0"}
"""What keeps a rule without addresses to its family: a file of iptables is for one."""
REFUSALS = {
    "icmp-port-unreachable": "port-unreachable", "icmp-host-unreachable": "host-unreachable",
    "icmp-net-unreachable": "no-route", "icmp-admin-prohibited": "admin-prohibited", "tcp-reset": "tcp-reset",
    "icmp-host-prohibited": "admin-prohibited", "icmp-net-prohibited": "admin-prohibited",
    "icmp6-port-unreachable": "port-unreachable", "icmp6-no-route": "no-route",
    "net-unreachable": "no-route", "net-prohibited": "admin-prohibited",
    "host-prohibited": "admin-prohibited", "addr-unreachable": "host-unreachable",
    **{word: word for word in ("port-unreachable", "host-unreachable", "no-route", "admin-prohibited")},
    "icmp6-adm-prohibited": "admin-prohibited", "icmp6-addr-unreachable": "host-unreachable",
}  # fmt: skip
VERDICTS = {"ACCEPT": "allow", "DROP": "drop"}
LOOPBACK = frozenset({"lo"})
OPEN, BROKEN = frozenset({"RELATED", "ESTABLISHED"}), frozenset({"INVALID"})


@dataclass(frozen=True)
class Interface:
    """One of ours by the other firewall's name for it."""

    role: str
    zone: str


class Translation:
    """Writes flat lines as rules; ``interfaces`` are all of ours, by the other firewall's names.

    ``remarks`` are lines that were written with a meaning that is not quite theirs, and what differs.
    """

    def __init__(self, interfaces: Mapping[str, Interface], taken: Iterable[str]) -> None:
        self.remarks: list[tuple[Line, str]] = []
        self._interfaces = interfaces
        self._taken = set(taken)
        self._times: dict[int, int] = {}
        self.zones: dict[str, frozenset[str]] = {}
        for name, one in interfaces.items():
            self.zones[one.zone] = self.zones.get(one.zone, frozenset()) | {name}

    def rules(self, chain: str, flat: Flat) -> Iterator[dict[str, Any]]:
        """Yield the rules of one line. Raises Unsaid."""
        does = _does(flat)
        if _is_implied(flat.condition, does["action"]):
            return
        asked, differs = addressed(flat.condition, chain, flat.line.version)
        flat = replace(flat, condition=asked)
        ways = list(self._ways(chain, asked))
        if asked.more.keys() & {"limit", "connections"} and len(ways) > 1:
            differs = f"taken as {len(ways)} rules, each of which counts for itself"
        if "schedule" in asked.more and does["action"] == "allow":
            differs = "taken with an end: what it has let in ends with its time"
        self.remarks += [(flat.line, differs)] if differs else []
        said = {**_sides(flat), **transport(asked), **asked.more}
        for way in ways:
            rule = _with_mac({**way, **said, **does})
            yield {"id": self.name_of(flat.line.number), **named(flat.line), **rule}

    @property
    def known(self) -> Known:
        """Return what the rules may name."""
        roles = {one.role: one.zone for one in self._interfaces.values()}
        return Known(tuple(self.zones), roles, {}, Names(Rules(), InterfacesPlan()))

    @property
    def names(self) -> frozenset[str]:
        """Return the other firewall's names of all our interfaces."""
        return frozenset(self._interfaces)

    def policy(self, chain: str, number: int, verdict: str, version: Version) -> Iterator[dict[str, Any]]:
        """Yield the rules that say what becomes of what no line decided."""
        for way in self._ways(chain, Condition()):
            rule = {**way, "source": EVERYWHERE[version], "action": VERDICTS[verdict]}
            yield {"id": self.name_of(number), "name": f"policy of {chain}", "group": "imported", **rule}

    def name_of(self, number: int) -> str:
        """Return an id that nothing has yet; the lines' numbers differ, so each counts for itself."""
        while True:
            times = self._times[number] = self._times.get(number, 0) + 1
            wanted = f"import-{number}" if times == 1 else f"import-{number}-{times}"
            if wanted not in self._taken:
                return wanted

    def _ways(self, chain: str, condition: Condition) -> Iterator[dict[str, str]]:
        if chain == "INPUT":
            targets = ["self"]
        else:
            targets = list(self.zones) if condition.leaves is None else self.whole_zones(condition.leaves)
        for source in self._origins(condition.arrives):
            for target in targets:
                yield {**source, "to": target}

    def _origins(self, names: frozenset[str] | None) -> list[dict[str, str]]:
        if names is None or names >= self._interfaces.keys():
            return [{}]
        found = [{"from": zone} for zone, members in self.zones.items() if members <= names]
        rest = [name for name in sorted(names) if not self._others_of(name) <= names]
        return found + [{"interface": self._interfaces[name].role} for name in rest]

    def _others_of(self, name: str) -> frozenset[str]:
        return self.zones[self._interfaces[name].zone] if name in self._interfaces else frozenset()

    def whole_zones(self, names: frozenset[str]) -> list[str]:
        """Return the zones whose interfaces these are. Raises Unsaid where one is only a part of its zone."""
        for name in names & self._interfaces.keys():
            if not self._others_of(name) <= names:
                raise Unsaid(f"{name} is not alone in the zone {self._interfaces[name].zone}")
        return [zone for zone, members in self.zones.items() if members <= names]


def _does(flat: Flat) -> dict[str, Any]:
    """Return the action of a line. Raises Unsaid."""
    line, target = flat.line, flat.target
    log = _log(line) if "--log-with" in line.words else {}
    if target in VERDICTS:
        return {"action": VERDICTS[target], **log}
    if target == "REJECT":
        word = line.value("--reject-with") or f"icmp{'6' if line.version == 6 else ''}-port-unreachable"
        if word not in REFUSALS:
            raise Unsaid(f"--reject-with {word} has no word here")
        return {"action": "reject", "reject_with": REFUSALS[word], **log}
    if target == "NFQUEUE":
        return {"action": "queue", "queue": _queue(line), **log}
    if target == "LOG":
        return {"action": "log", **_log(line)}
    if not target:
        return {"action": "count"}
    raise Unsaid(f"the target {target} has no word here")


def _queue(line: Line) -> dict[str, Any]:
    """Return where a line hands packets to: the first queue unless it names one. Raises Unsaid."""
    numbers = (line.value("--queue-num", "--queue-balance") or "0").replace(":", "-")
    said = {"bypass": "--queue-bypass", "fanout": "--queue-cpu-fanout"}
    flags = {key: True for key, word in said.items() if word in line.words}
    try:
        parse_queue_numbers(numbers)
    except Refused as refused:
        raise Unsaid(refused.message) from None
    return {"numbers": number_or_text(numbers), **flags}


def _log(line: Line) -> dict[str, Any]:
    """Return the word of a log line as ours may be: letters and digits."""
    prefix = line.value("--log-prefix", "--log-with") or ""
    word = "".join(sign if sign.isalnum() else "-" for sign in prefix.lower())
    try:
        return {"log": {"prefix": parse_id(word.strip("-"))}}
    except Refused:
        return {"log": True} if "--log-with" in line.words else {}


def _is_implied(asked: Condition, action: str) -> bool:
    """Return whether the router does this before any rule. Raises Unsaid where it does something else."""
    if LOOPBACK in (asked.arrives, asked.leaves):
        if action == "allow":
            return True
        raise Unsaid("what the router sends to itself goes on before the rules")
    if asked.states is None or "NEW" in asked.states:
        return False
    if action in ("log", "count"):
        raise Unsaid("rules see the first packet of a connection alone")
    if asked.states <= OPEN and action == "allow":
        return True
    if asked.states <= BROKEN and action != "allow":
        return True
    raise Unsaid("open connections go on before the rules, and invalid packets fall before them")


def _sides(flat: Flat) -> dict[str, Any]:
    return asked_sides(flat) or {"source": EVERYWHERE[flat.line.version]}


def asked_sides(flat: Flat) -> dict[str, Any]:
    """Return the addresses that a line asks for, as the files have them."""
    sides = (("source", flat.condition.source), ("destination", flat.condition.destination))
    return {key: _addresses(value, flat.line.version) for key, value in sides if value is not None}


def transport(asked: Condition) -> dict[str, Any]:
    """Return protocols and ports as the files have them."""
    found: dict[str, Any] = {}
    if asked.protocols is not None:
        found["protocol"] = _written([str(Protocol(number)) for number in sorted(asked.protocols)])
    for key, ports in (("source_port", asked.source_ports), ("destination_port", asked.destination_ports)):
        if ports is not None:
            found[key] = _written([low if low == high else f"{low}-{high}" for low, high in ports])
    return found


def _written(items: Sequence[Any]) -> Any:
    return items[0] if len(items) == 1 else list(items)


def _addresses(intervals: Intervals, version: Version) -> Any:
    found = []
    for first, last in intervals:
        network = single_network(version, first, last)
        whole = network is not None and network.prefixlen < network.max_prefixlen
        span = f"{address(version, first)}-{address(version, last)}"
        found.append(str(network) if whole else str(address(version, first)) if network else span)
    return _written(found)


def named(line: Line, *, group: bool = True) -> dict[str, Any]:
    """Return the name that a line's comment gives, and the group of all that was imported."""
    comment = line.value("--comment")
    name = {"name": comment[:64]} if comment and comment.isprintable() else {}
    return {**name, **({"group": "imported"} if group else {})}


def _with_mac(rule: dict[str, Any]) -> dict[str, Any]:
    mac = rule.pop("mac", None)
    if mac is None:
        return rule
    zone = {"zone": rule["from"]} if "from" in rule else {}
    return {**rule, "from": {**zone, "mac": mac}}
