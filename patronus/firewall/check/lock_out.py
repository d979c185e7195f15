# SPDX-License-Identifier: GPL-2.0-or-later
"""Warn before a change cuts the admin page off from everybody it is meant for.

The page's zones and port stand in ``patronus.toml``, whose model belongs to a higher floor: they are read by
name. Decided on the rules alone, for a client of which nothing is known: only a rule that fits every client
of the zone counts as cutting it off.
"""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.firewall.check.known import warning
from patronus.firewall.model import SELF, Rule, Rules, Zone, Zones
from patronus.firewall.model.match import TCP
from patronus.firewall.policy import DECIDING
from patronus.firewall.resolve.names import Names
from patronus.network.interfaces.plan import InterfacesPlan

SERVICE = "web"
"""How the admin page is called in ``self_services``."""


def check_lock_out(config: Configuration) -> Iterator[Problem]:
    """Yield a warning where no zone that the admin page is for can reach it. Pure."""
    web = getattr(config.sections.get("patronus"), "web", None)
    if web is None:
        return
    zones = {zone.id: zone for zone in config.get(Zones).zones}
    meant = [zone for zone in web.zones if zone in zones]
    reasons = [_why_cut_off(config, zones[zone], web.port) for zone in meant]
    if not all(reasons):
        return
    path = next((reason for reason in reasons if reason), ("patronus", "web", "zones"))
    names = ", ".join(web.zones) or "no zone"
    message = f"after this change nobody reaches the admin page: it is open to {names} alone"
    yield warning(path, message, hint="the change reverts by itself unless it is confirmed")


def _why_cut_off(config: Configuration, zone: Zone, port: int) -> Path | None:
    """Return the place of what cuts the zone off, or None where some client of it gets through."""
    rules = config.get(Rules)
    names = Names(rules, InterfacesPlan())
    for position, rule in enumerate(rules.rules):
        if not _concerns(rule, zone.id, port, names):
            continue
        if rule.action == "allow" or (rule.queue is not None and rule.queue.bypass):
            return None
        if rule.action in DECIDING and _fits_everybody(rule):
            return ("firewall/rules", "rules", position)
    if zone.self_services is None or SERVICE in zone.self_services or zone.to.get(SELF) == "allow":
        return None
    position = [item.id for item in config.get(Zones).zones].index(zone.id)
    return ("firewall/zones", "zones", position, "self_services")


def _concerns(rule: Rule, zone: str, port: int, names: Names) -> bool:
    """Return whether some connection from the zone to the page fits the rule."""
    if rule.to is not None and rule.to != SELF:
        return False
    origin = rule.from_.zone if rule.from_ else None
    if not rule.enabled or origin not in (None, zone):
        return False
    if rule.protocol is not None and TCP not in {protocol.number for protocol in rule.protocol}:
        return False
    ports = names.ports(rule.destination_port)
    return ports is None or any(port in item for item in ports)


def _fits_everybody(rule: Rule) -> bool:
    narrow = (
        rule.source, rule.destination, rule.source_port, rule.schedule, rule.limit, rule.interface,
        rule.connections, rule.tcp_flags, rule.dscp, rule.mark,
    )  # fmt: skip
    nobody = rule.from_ is None or (rule.from_.source is None and rule.from_.mac is None)
    return nobody and all(part is None for part in narrow)
