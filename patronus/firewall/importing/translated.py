# SPDX-License-Identifier: GPL-2.0-or-later
"""Flat lines of iptables as rules and translations of ours, in the form that the files have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from patronus.core.values import Refused, parse_id
from patronus.firewall.addresses import address, single_network
from patronus.firewall.importing.condition import Condition, Intervals, Unsaid
from patronus.firewall.importing.flatten import Flat
from patronus.firewall.importing.saved import Line
from patronus.firewall.model.match import Protocol

FAMILY = "0.0.0.0/0"
"""What keeps a rule without addresses to IPv4: iptables-save knows no other family."""
REFUSALS = {
    "icmp-port-unreachable": "port-unreachable", "icmp-host-unreachable": "host-unreachable",
    "icmp-net-unreachable": "no-route", "icmp-admin-prohibited": "admin-prohibited", "tcp-reset": "tcp-reset",
    "icmp-host-prohibited": "admin-prohibited", "icmp-net-prohibited": "admin-prohibited",
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
        self._zones: dict[str, frozenset[str]] = {}
        for name, one in interfaces.items():
            self._zones[one.zone] = self._zones.get(one.zone, frozenset()) | {name}

    def rules(self, chain: str, flat: Flat) -> Iterator[dict[str, Any]]:
        """Yield the rules of one line. Raises Unsaid."""
        does = _does(flat)
        if _is_implied(flat.condition, does["action"]):
            return
        if flat.condition.own and chain != "INPUT":
            raise Unsaid("what goes through is not for an address of the router")
        asked = {**_sides(flat.condition), **_transport(flat.condition), **flat.condition.more}
        for way in self._ways(chain, flat.condition):
            rule = _with_mac({**way, **asked, **does})
            yield {"id": self._id(flat.line.number), **_named(flat.line), **rule}

    def policy(self, chain: str, number: int, verdict: str) -> Iterator[dict[str, Any]]:
        """Yield the rules that say what becomes of what no line decided."""
        for way in self._ways(chain, Condition()):
            rule = {**way, "source": FAMILY, "action": VERDICTS[verdict]}
            yield {"id": self._id(number), "name": f"policy of {chain}", "group": "imported", **rule}

    def _id(self, number: int) -> str:
        wanted, more = f"import-{number}", 1
        while wanted in self._taken:
            more += 1
            wanted = f"import-{number}-{more}"
        self._taken.add(wanted)
        return wanted

    def _ways(self, chain: str, condition: Condition) -> Iterator[dict[str, str]]:
        if chain == "INPUT":
            targets = ["self"]
        else:
            targets = list(self._zones) if condition.leaves is None else self.whole_zones(condition.leaves)
        for source in self._origins(condition.arrives):
            for target in targets:
                yield {**source, "to": target}

    def _origins(self, names: frozenset[str] | None) -> list[dict[str, str]]:
        if names is None or names >= self._interfaces.keys():
            return [{}]
        found = [{"from": zone} for zone, members in self._zones.items() if members <= names]
        rest = [name for name in sorted(names) if not self._zones_of(name) <= names]
        return found + [{"interface": self._interfaces[name].role} for name in rest]

    def _zones_of(self, name: str) -> frozenset[str]:
        return self._zones[self._interfaces[name].zone] if name in self._interfaces else frozenset()

    def whole_zones(self, names: frozenset[str]) -> list[str]:
        """Return the zones whose interfaces these are. Raises Unsaid where one is only a part of its zone."""
        for name in names & self._interfaces.keys():
            if not self._zones_of(name) <= names:
                raise Unsaid(f"{name} is not alone in the zone {self._interfaces[name].zone}")
        return [zone for zone, members in self._zones.items() if members <= names]

    def translations(self, chain: str, flat: Flat) -> Iterator[dict[str, Any]]:
        """Yield the entries of one line of the table nat. Raises Unsaid."""
        write = {"DNAT": self._forwards, "MASQUERADE": self._sources, "SNAT": self._sources}.get(flat.target)
        if write is None or flat.condition.more or flat.condition.source_ports:
            reason = "a match" if write else f"the target {flat.target or 'of nothing'}"
            raise Unsaid(f"{reason} of this line has no word among translations")
        if (flat.target == "DNAT") != (chain == "PREROUTING"):
            raise Unsaid(f"a translation in {chain} has no word here")
        for entry in write(flat):
            yield {"id": self._id(flat.line.number), **_named(flat.line, group=False), **entry}

    def _forwards(self, flat: Flat) -> Iterator[dict[str, Any]]:
        asked, target = flat.condition, flat.line.value("--to-destination")
        if target is None or "-" in target.partition(":")[0]:
            raise Unsaid("it leads to more than one host")
        zones = list(self._zones) if asked.arrives is None else self.whole_zones(asked.arrives)
        given = {"destination": _addresses(asked.destination)} if asked.destination else {}
        source = {"source": _addresses(asked.source)} if asked.source else {}
        if asked.protocols is None:
            raise Unsaid("a port forward without a protocol has no word here")
        if asked.destination is None and not asked.own:
            remark = "taken for the router's own addresses; the line takes what is for any address"
            self.remarks.append((flat.line, remark))
        entry = {**source, **given, **_transport(asked), "to": target, "rule": False}
        for zone in zones:
            yield {"type": "dnat", "in": zone, **entry}

    def _sources(self, flat: Flat) -> Iterator[dict[str, Any]]:
        asked = flat.condition
        if asked.protocols is not None or asked.destination_ports is not None:
            raise Unsaid("a translation of sources by protocol has no word here")
        zones = list(self._zones) if asked.leaves is None else self.whole_zones(asked.leaves)
        sides = {
            key: _addresses(value)
            for key, value in (("source", asked.source), ("destination", asked.destination))
            if value is not None
        }
        to = flat.line.value("--to-source")
        does: dict[str, Any] = (
            {"type": "masquerade"} if flat.target == "MASQUERADE" else {"type": "snat", "to": to}
        )
        for zone in zones:
            yield {**does, "out": zone, **sides}


def _does(flat: Flat) -> dict[str, Any]:
    """Return the action of a line. Raises Unsaid."""
    line, target = flat.line, flat.target
    if target in VERDICTS:
        return {"action": VERDICTS[target]}
    if target == "REJECT":
        word = line.value("--reject-with") or "icmp-port-unreachable"
        if word not in REFUSALS:
            raise Unsaid(f"--reject-with {word} has no word here")
        return {"action": "reject", "reject_with": REFUSALS[word]}
    if target == "LOG":
        return {"action": "log", **_log(line)}
    if not target:
        return {"action": "count"}
    raise Unsaid(f"the target {target} has no word here")


def _log(line: Line) -> dict[str, Any]:
    """Return the word of a log line as ours may be: letters and digits."""
    word = "".join(sign if sign.isalnum() else "-" for sign in (line.value("--log-prefix") or "").lower())
    try:
        return {"log": {"prefix": parse_id(word.strip("-"))}}
    except Refused:
        return {}


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


def _sides(asked: Condition) -> dict[str, Any]:
    found = {}
    for key, value in (("source", asked.source), ("destination", asked.destination)):
        if value is not None:
            found[key] = _addresses(value)
    return found or {"source": FAMILY}


def _transport(asked: Condition) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if asked.protocols is not None:
        found["protocol"] = _written([str(Protocol(number)) for number in sorted(asked.protocols)])
    for key, ports in (("source_port", asked.source_ports), ("destination_port", asked.destination_ports)):
        if ports is not None:
            found[key] = _written([low if low == high else f"{low}-{high}" for low, high in ports])
    return found


def _written(items: Sequence[Any]) -> Any:
    return items[0] if len(items) == 1 else list(items)


def _addresses(intervals: Intervals) -> Any:
    found = []
    for first, last in intervals:
        network = single_network(4, first, last)
        whole = network is not None and network.prefixlen < 32
        span = f"{IPv4Address(first)}-{IPv4Address(last)}"
        found.append(str(network) if whole else str(address(4, first)) if network else span)
    return _written(found)


def _named(line: Line, *, group: bool = True) -> dict[str, Any]:
    comment = line.value("--comment")
    name = {"name": comment[:64]} if comment and comment.isprintable() else {}
    return {**name, **({"group": "imported"} if group else {})}


def _with_mac(rule: dict[str, Any]) -> dict[str, Any]:
    mac = rule.pop("mac", None)
    if mac is None:
        return rule
    zone = {"zone": rule["from"]} if "from" in rule else {}
    return {**rule, "from": {**zone, "mac": mac}}
