# SPDX-License-Identifier: GPL-2.0-or-later
"""What one value alone cannot show about a VXLAN: what is below it, and who else has its number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.core.problem import Path, Problem
from patronus.network.interfaces.model import Interface, Interfaces, Vxlan, standing_on

_HERE = ("network/interfaces", "interfaces")
OVERHEAD: Mapping[int, int] = {4: 50, 6: 70}
"""IP version of the ends → bytes that its headers take of a packet (RFC 7348 section 5)."""


def check_vxlans(model: Interfaces) -> Iterator[Problem]:
    """Yield the problems of all VXLANs."""
    roles = {item.id: item for item in model.interfaces}
    seen: dict[tuple[int, int], str] = {}
    for position, item in enumerate(model.interfaces):
        if item.vxlan is None:
            continue
        path: Path = (*_HERE, position, "vxlan")
        other = seen.setdefault((item.vxlan.vni, item.vxlan.port), item.id)
        if other != item.id:
            text = f"network {item.vxlan.vni} at port {item.vxlan.port} is {other}'s already"
            yield Problem(
                (*path, "vni"), text, item.vxlan.vni, hint="another vni, or another port at both ends"
            )
        yield from _check_parent((*path, "parent"), item, roles)
        yield from _check_ends(path, item, item.vxlan, roles)


def _check_parent(path: Path, item: Interface, roles: Mapping[str, Interface]) -> Iterator[Problem]:
    name = item.parent or ""
    parent = roles.get(name)
    if parent is None:
        yield Problem(path, f"there is no interface {name}", name, f"one of {', '.join(sorted(roles))}")
        return
    below = standing_on(item, roles)
    owner = next((one.id for one in roles.values() if parent.id in one.members), None)
    if item in below:
        yield Problem(path, f"{item.id} would stand on itself", name, hint=f"another parent for {item.id}")
    elif any(one.vxlan for one in below):
        yield Problem(path, f"{name} leads through a VXLAN itself", name, hint="what carries that")
    elif owner is not None:
        yield Problem(path, f"{name} is a member of {owner}", name, hint=f"parent: {owner}")
    elif parent.zone is None or (parent.ipv4.method == "none" and parent.ipv6.method == "none"):
        text = f"{name} has no zone or no addresses: the other end could not be heard there"
        yield Problem(path, text, name, hint="an interface with both")


def _check_ends(
    path: Path, item: Interface, vxlan: Vxlan, roles: Mapping[str, Interface]
) -> Iterator[Problem]:
    """Check the two addresses: the way to the other end must not lead through the VXLAN itself."""
    inside = (one.network for one in (*item.ipv4.addresses, *item.ipv6.addresses))
    if any(vxlan.remote in network for network in inside):
        text = f"{vxlan.remote} is in the network of {item.id} itself: nothing would come there"
        yield Problem((*path, "remote"), text, vxlan.remote, hint="the other router's address outside of it")
    own = {one.ip: role.id for role in roles.values() for one in (*role.ipv4.addresses, *role.ipv6.addresses)}
    if vxlan.remote in own:
        text = f"{vxlan.remote} is this router's own, of {own[vxlan.remote]}"
        yield Problem((*path, "remote"), text, vxlan.remote)
    parent = roles.get(vxlan.parent)
    if vxlan.local is None or parent is None:
        return
    family = parent.ipv4 if vxlan.local.version == 4 else parent.ipv6
    given = [one.ip for one in family.addresses]
    if family.method == "static" and vxlan.local not in given:
        allowed = f"one of {', '.join(map(str, given))}"
        yield Problem((*path, "local"), f"{vxlan.parent} has no address {vxlan.local}", vxlan.local, allowed)
