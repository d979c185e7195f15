# SPDX-License-Identifier: GPL-2.0-or-later
"""What one value alone cannot show about a VRF: its members, and what is not done in a table of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patronus.core.problem import Path, Problem
from patronus.network.interfaces.model import Interface, Interfaces, vrfs_of

_HERE = ("network/interfaces", "interfaces")


def check_vrfs(model: Interfaces) -> Iterator[Problem]:
    """Yield the problems of all VRFs, of their members, and of what stands on them."""
    vrfs = vrfs_of(model.interfaces)
    roles = {item.id: item for item in model.interfaces}
    tables: dict[int, str] = {}
    for position, item in enumerate(model.interfaces):
        path: Path = (*_HERE, position)
        if item.vrf is not None:
            other = tables.setdefault(item.vrf.table, item.id)
            if other != item.id:
                text = f"table {item.vrf.table} is {other}'s already"
                yield Problem((*path, "vrf", "table"), text, item.vrf.table, "a number of its own")
        if item.id in vrfs:
            yield from _check_zone(path, item, roles[vrfs[item.id]])
            yield from _check_methods(path, item, vrfs[item.id])
        parent = roles.get(item.parent or "")
        if parent is not None and parent.vrf is not None:
            text = f"{parent.id} is a VRF, and carries nothing itself"
            yield Problem((*path, item.kind, "parent"), text, parent.id, hint="one of its members")


def _check_zone(path: Path, item: Interface, vrf: Interface) -> Iterator[Problem]:
    """Refuse two zones: a packet comes to the rules by the VRF's name, and leaves by the member's."""
    if item.zone != vrf.zone:
        text = f"{item.id} is in the VRF {vrf.id}, and they are in one zone, or both in none"
        hint = f"zone: {vrf.zone}" if vrf.zone else f"give {vrf.id} the zone {item.zone} too"
        yield Problem((*path, "zone"), text, item.zone, hint=hint)


def _check_methods(path: Path, item: Interface, vrf: str) -> Iterator[Problem]:
    """Refuse what asks for addresses, or gives them: it knows of the main table alone."""
    for family, method in (("ipv4", item.ipv4.method), ("ipv6", item.ipv6.method)):
        if method not in ("static", "none"):
            text = f"{item.id} is in the VRF {vrf}, where addresses come from the file alone"
            yield Problem((*path, family, "method"), text, method, "static or none")
    if item.ipv6.advertise:
        text = f"{item.id} is in the VRF {vrf}, where the router does not announce itself"
        yield Problem((*path, "ipv6", "advertise"), text, hint="advertise: false")


def not_in_vrf(path: Path, role: str | None, interfaces: Iterable[Interface], what: str) -> Iterator[Problem]:
    """Yield a problem where a role is a VRF or in one; ``what`` says what is not done there."""
    vrf = vrfs_of(interfaces).get(role or "")
    if vrf is not None:
        where = f"{role} is a VRF" if vrf == role else f"{role} is in the VRF {vrf}"
        yield Problem(path, f"{where}, where {what}", role, hint="an interface that is in no VRF")
