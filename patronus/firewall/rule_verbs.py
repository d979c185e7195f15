# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on rules, translations and zones: each is an edit of the files, taken through the engine."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from patronus.core.control import CommitReport, Control
from patronus.core.edit import Edit, Insert, Remove, Replace
from patronus.core.errors import NotFound
from patronus.core.identify import new_id
from patronus.core.model import as_data
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.firewall.model import Nat, Rules, Zones
from patronus.firewall.verbs import (
    Added,
    AddNat,
    AddRule,
    Change,
    MoveRule,
    NatInfo,
    NatList,
    RemoveNat,
    RemoveRule,
    ReplaceRule,
    RuleInfo,
    RuleList,
    ZoneInfo,
    ZoneList,
)

RULES = ("firewall/rules", ("rules",))
NAT = ("firewall/nat", ("nat",))


class Counted(Protocol):
    """What a counter has seen."""

    @property
    def packets(self) -> int:
        """Packets."""

    @property
    def bytes(self) -> int:
        """Bytes."""


Counters = Callable[[], Mapping[str, Counted]]
Devices = Callable[[str], tuple[str, ...]]


class RuleVerbs:
    """Reads and edits ``firewall/rules``, ``firewall/nat`` and ``firewall/zones``."""

    def __init__(self, control: Control, counters: Counters, devices: Devices) -> None:
        self._control = control
        self._counters = counters
        self._devices = devices

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declarations."""
        yield Verb("firewall.ListRules", Nothing, RuleList, self.list_rules, route="GET /firewall/rules")
        yield _changing("AddRule", AddRule, Added, self.add_rule, "POST /firewall/rules")
        yield _changing(
            "ReplaceRule", ReplaceRule, CommitReport, self.replace_rule, "PUT /firewall/rules/{id}"
        )
        yield _changing(
            "RemoveRule", RemoveRule, CommitReport, self.remove_rule, "DELETE /firewall/rules/{id}"
        )
        yield _changing("MoveRule", MoveRule, CommitReport, self.move_rule, "POST /firewall/rules/{id}/move")
        yield Verb("firewall.ListNat", Nothing, NatList, self.list_nat, route="GET /firewall/nat")
        yield _changing("AddNat", AddNat, Added, self.add_nat, "POST /firewall/nat")
        yield _changing("RemoveNat", RemoveNat, CommitReport, self.remove_nat, "DELETE /firewall/nat/{id}")
        yield Verb("firewall.ListZones", Nothing, ZoneList, self.list_zones, route="GET /firewall/zones")

    def list_rules(self, _: Caller, __: Nothing) -> RuleList:
        """List the rules in the order in which they are tried, with what they have counted."""
        rules = self._control.config.get(Rules)
        seen = self._counters()
        return RuleList(
            aliases=[as_data(alias) for alias in rules.aliases],
            rules=[
                RuleInfo(id=rule.id, rule=as_data(rule), **_count(seen, f"rule/{rule.id}"))
                for rule in rules.rules
            ],
        )

    def add_rule(self, caller: Caller, given: AddRule) -> Added:
        """Add a rule; the first rule that fits a packet decides, so its place matters."""
        taken = {rule.id for rule in self._control.config.get(Rules).rules}
        value = _with_id(given.rule, "rules", taken)
        return self._added(Insert(*RULES, value, given.index), value, caller, given, "add rule")

    def replace_rule(self, caller: Caller, given: ReplaceRule) -> CommitReport:
        """Put another rule in a rule's place; its id and its counter stay."""
        self._need_rule(given.id)
        section, at = RULES
        value = {**given.rule, "id": given.id}
        return self._submit(
            [Replace(section, (*at, given.id), value)], caller, given, f"change rule {given.id}"
        )

    def remove_rule(self, caller: Caller, given: RemoveRule) -> CommitReport:
        """Remove a rule; connections that only it allowed end."""
        self._need_rule(given.id)
        section, at = RULES
        return self._submit([Remove(section, (*at, given.id))], caller, given, f"remove rule {given.id}")

    def move_rule(self, caller: Caller, given: MoveRule) -> CommitReport:
        """Move a rule to another place in the order."""
        self._need_rule(given.id)
        rule = next(rule for rule in self._control.config.get(Rules).rules if rule.id == given.id)
        section, at = RULES
        edits: list[Edit] = [
            Remove(section, (*at, given.id)),
            Insert(section, at, as_data(rule), given.index),
        ]
        return self._submit(edits, caller, given, f"move rule {given.id}")

    def list_nat(self, _: Caller, __: Nothing) -> NatList:
        """List the translations in the order in which they are tried."""
        seen = self._counters()
        entries = self._control.config.get(Nat).nat
        return NatList(
            nat=[
                NatInfo(id=item.id, entry=as_data(item), **_count(seen, f"nat/{item.id}")) for item in entries
            ]
        )

    def add_nat(self, caller: Caller, given: AddNat) -> Added:
        """Add a translation: masquerade, snat or dnat (a port forward)."""
        taken = {entry.id for entry in self._control.config.get(Nat).nat}
        value = _with_id(given.entry, "nat", taken)
        return self._added(Insert(*NAT, value, given.index), value, caller, given, "add translation")

    def remove_nat(self, caller: Caller, given: RemoveNat) -> CommitReport:
        """Remove a translation; connections that it forwarded end."""
        if all(entry.id != given.id for entry in self._control.config.get(Nat).nat):
            raise NotFound(f"no translation is called {given.id}")
        section, at = NAT
        return self._submit(
            [Remove(section, (*at, given.id))], caller, given, f"remove translation {given.id}"
        )

    def list_zones(self, _: Caller, __: Nothing) -> ZoneList:
        """List the zones, their devices, and how they may speak when no rule says otherwise."""
        zones = self._control.config.get(Zones)
        found = [
            ZoneInfo(id=zone.id, zone=as_data(zone), devices=list(self._devices(zone.id)))
            for zone in zones.zones
        ]
        return ZoneList(zones=found, default=zones.default)

    def _need_rule(self, rule_id: str) -> None:
        if all(rule.id != rule_id for rule in self._control.config.get(Rules).rules):
            raise NotFound(f"no rule is called {rule_id}")

    def _added(self, edit: Edit, value: dict[str, Any], caller: Caller, given: Change, what: str) -> Added:
        report = self._submit([edit], caller, given, f"{what} {value['id']}")
        return Added(**report.model_dump(), id=value["id"])

    def _submit(self, edits: list[Edit], caller: Caller, given: Change, comment: str) -> CommitReport:
        commit = self._control.submit(
            edits, caller, comment=given.comment or comment, base=given.base, confirm_s=given.confirm_s
        )
        return CommitReport.of(commit)


def _changing(
    name: str, parameters: type[Any], result: type[Any], handler: Callable[..., Any], route: str
) -> Verb[Any, Any]:
    return Verb(f"firewall.{name}", parameters, result, handler, Role.OPERATOR, route, changes=True)


def _with_id(value: Mapping[str, Any], name: str, taken: set[str]) -> dict[str, Any]:
    found = {key: item for key, item in value.items() if item is not None}
    fresh = found.get("id") or new_id(name, taken, lambda digits: secrets.token_hex(digits // 2))
    return {"id": fresh, **{key: item for key, item in found.items() if key != "id"}}


def _count(seen: Mapping[str, Counted], name: str) -> dict[str, int]:
    found = seen.get(name)
    return {"packets": found.packets if found else 0, "bytes": found.bytes if found else 0}
