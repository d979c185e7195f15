# SPDX-License-Identifier: GPL-2.0-or-later
"""What one value alone cannot show about a bridge that keeps VLANs apart: its members, and who is where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from patronus.core.problem import Path, Problem, Severity
from patronus.network.interfaces.model import Bridge, Interface, Interfaces
from patronus.network.interfaces.switch import inner

_HERE = ("network/interfaces", "interfaces")


def check_switches(model: Interfaces) -> Iterator[Problem]:
    """Yield the problems of all bridges with ``vlans``, and of what stands on them."""
    for position, item in enumerate(model.interfaces):
        if item.bridge is not None and item.is_switch:
            yield from _check_ports((*_HERE, position, "bridge"), item.id, item.bridge)
            yield from _check_itself((*_HERE, position), item)
            yield from _check_reach((*_HERE, position, "bridge", "vlans"), item.id, item.bridge, model)
    switches = {item.id: item.bridge for item in model.interfaces if item.bridge and item.is_switch}
    for position, item in enumerate(model.interfaces):
        yield from _check_above((*_HERE, position), item, switches)
        yield from _check_taken((*_HERE, position), item, switches)


def _check_ports(path: Path, role: str, bridge: Bridge) -> Iterator[Problem]:
    """Each member needs its VLANs, or nothing would pass it; and there are no others."""
    for place, member in enumerate(bridge.members):
        if member not in bridge.vlans:
            text = f"nothing says which VLANs {member} carries, and the other members of {role} have theirs"
            hint = f"vlans: {{{member}: {{untagged: …}}}}"
            yield Problem((*path, "members", place), text, member, hint=hint)
    for member in bridge.vlans:
        if member not in bridge.members:
            allowed = "one of " + ", ".join(bridge.members) if bridge.members else "a member"
            yield Problem((*path, "vlans", member), f"{member} is no member of {role}", member, allowed)


def _check_itself(path: Path, item: Interface) -> Iterator[Problem]:
    """Refuse addresses of the bridge itself: what it would send has no VLAN, and no way out."""
    if item.zone or item.ipv4.method != "none" or item.ipv6.method != "none":
        text = f"{item.id} keeps VLANs apart, and is in none of them itself"
        hint = f"give zone and addresses to a VLAN of it: vlan: {{parent: {item.id}, tag: …}}"
        yield Problem((*path, "bridge", "vlans"), text, hint=hint)


def _check_reach(path: Path, role: str, bridge: Bridge, model: Interfaces) -> Iterator[Problem]:
    """Say which VLANs lead nowhere: at one port alone, and the router is not there."""
    own = inner(role, model)
    ports = Counter(tag for port in bridge.vlans.values() for tag in port.carried)
    for tag in sorted(tag for tag, count in ports.items() if count == 1 and tag not in own):
        (member,) = (name for name, port in bridge.vlans.items() if tag in port.carried)
        text = f"VLAN {tag} leads nowhere: {member} alone carries it, and the router has no interface in it"
        yield Problem((*path, member), text, tag, severity=Severity.WARNING)
    if not own:
        text = f"the router is in no VLAN of {role}: it cannot be reached through it"
        yield Problem(path, text, hint=f"vlan: {{parent: {role}, tag: …}}", severity=Severity.WARNING)


def _check_above(path: Path, item: Interface, switches: Mapping[str, Bridge]) -> Iterator[Problem]:
    """Check a VLAN of a switch, or a session over one: its frames need a port."""
    switch = switches.get(item.parent or "")
    if switch is None:
        return
    if item.vlan is None:
        text = f"{item.parent} keeps VLANs apart, and is in none of them itself"
        yield Problem((*path, item.kind, "parent"), text, item.parent, f"a VLAN of {item.parent}")
        return
    if item.vlan.protocol != "802.1q":
        text = f"{item.parent} reads tags of 802.1q alone"
        yield Problem((*path, "vlan", "protocol"), text, item.vlan.protocol, "802.1q")
    tags = frozenset[int]().union(*(port.carried for port in switch.vlans.values()))
    if item.vlan.tag not in tags:
        text = f"no port of {item.parent} carries VLAN {item.vlan.tag}: nobody would reach {item.id}"
        allowed = f"one of {', '.join(map(str, sorted(tags)))}"
        hint = f"add {item.vlan.tag} to a port in bridge.vlans of {item.parent}"
        yield Problem((*path, "vlan", "tag"), text, item.vlan.tag, allowed, hint)


def _check_taken(path: Path, item: Interface, switches: Mapping[str, Bridge]) -> Iterator[Problem]:
    """Refuse a VLAN on a member that the bridge shall carry: it would take the frames before the bridge."""
    if item.vlan is None:
        return
    for role, bridge in switches.items():
        port = bridge.vlans.get(item.vlan.parent)
        if port is not None and item.vlan.tag in port.tagged:
            text = f"{item.id} would take VLAN {item.vlan.tag} of {item.vlan.parent} away from {role}"
            yield Problem((*path, "vlan", "tag"), text, item.vlan.tag, hint=f"parent: {role}")
