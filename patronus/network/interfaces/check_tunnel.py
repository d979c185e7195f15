# SPDX-License-Identifier: GPL-2.0-or-later
"""What one value alone cannot show about VXLAN and GRE: what is below them, and who else has their number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.core.problem import Path, Problem
from patronus.network.interfaces.model import Interface, Interfaces, standing_on
from patronus.network.interfaces.tunnel_model import Gre, Vxlan

_HERE = ("network/interfaces", "interfaces")
_KERNELS = frozenset({"gre0", "gretap0", "erspan0", "ip6gre0", "ip6tnl0", "tunl0", "sit0"})
"""What the kernel makes by itself beside the first tunnel."""
_NAMES = {"vxlan": "a VXLAN", "gre": "a GRE tunnel"}


def check_tunnels(model: Interfaces) -> Iterator[Problem]:
    """Yield the problems of all tunnels."""
    roles = {item.id: item for item in model.interfaces}
    seen: dict[object, str] = {}
    for position, item in enumerate(model.interfaces):
        tunnel = item.vxlan or item.gre
        if tunnel is None:
            continue
        path: Path = (*_HERE, position, item.kind)
        yield from _check_number(path, item.id, tunnel, seen)
        yield from _check_parent((*path, "parent"), item, roles)
        yield from _check_ends(path, item, tunnel, roles)
        if item.leads_to_one:
            yield from _check_methods((*_HERE, position), item)
        if item.gre is not None and item.id in _KERNELS:
            yield Problem((*_HERE, position, "id"), f"{item.id} is a link of the kernel's own", item.id)


def _check_number(path: Path, role: str, tunnel: Vxlan | Gre, seen: dict[object, str]) -> Iterator[Problem]:
    """Check what tells a tunnel's packets from those of another."""
    key: object = (tunnel.vni, tunnel.port) if isinstance(tunnel, Vxlan) else (tunnel.remote, tunnel.key)
    other = seen.setdefault(key, role)
    if other == role:
        return
    if isinstance(tunnel, Vxlan):
        text = f"network {tunnel.vni} at port {tunnel.port} is {other}'s already"
        hint = "another vni, or another port at both ends"
        yield Problem((*path, "vni"), text, tunnel.vni, hint=hint)
        return
    with_key = f"with the key {tunnel.key}" if tunnel.key is not None else "without a key"
    text = f"{other} leads to {tunnel.remote} {with_key} already"
    yield Problem((*path, "key"), text, tunnel.key, hint="a key of its own, the same at both ends")


def _check_parent(path: Path, item: Interface, roles: Mapping[str, Interface]) -> Iterator[Problem]:
    name = item.parent or ""
    parent = roles.get(name)
    if parent is None:
        yield Problem(path, f"there is no interface {name}", name, f"one of {', '.join(sorted(roles))}")
        return
    below = standing_on(item, roles)
    owner = next((one for one in roles.values() if parent.id in one.members), None)
    through = next((one for one in below if one.vxlan or one.gre), None)
    if item in below:
        yield Problem(path, f"{item.id} would stand on itself", name, hint=f"another parent for {item.id}")
    elif through is not None:
        text = f"{name} leads through {_NAMES[through.kind]} itself"
        yield Problem(path, text, name, hint="what carries that")
    elif owner is not None:
        hint = "an interface that is in no VRF" if owner.vrf else f"parent: {owner.id}"
        yield Problem(path, f"{name} is a member of {owner.id}", name, hint=hint)
    elif parent.zone is None or (parent.ipv4.method == "none" and parent.ipv6.method == "none"):
        text = f"{name} has no zone or no addresses: the other end could not be heard there"
        yield Problem(path, text, name, hint="an interface with both")


def _check_ends(
    path: Path, item: Interface, tunnel: Vxlan | Gre, roles: Mapping[str, Interface]
) -> Iterator[Problem]:
    """Check the two addresses: the way to the other end must not lead through the tunnel itself."""
    inside = [one.network for one in (*item.ipv4.addresses, *item.ipv6.addresses)]
    own = {one.ip: role.id for role in roles.values() for one in (*role.ipv4.addresses, *role.ipv6.addresses)}
    for place, end in enumerate(tunnel.remotes):
        at: Path = (*path, "others", place - 1) if place else (*path, "remote")
        if any(end in network for network in inside):
            text = f"{end} is in the network of {item.id} itself: nothing would come there"
            yield Problem(at, text, end, hint="the other router's address outside of it")
        if end in own:
            yield Problem(at, f"{end} is this router's own, of {own[end]}", end)
    parent = roles.get(tunnel.parent)
    if parent is None:
        return
    if tunnel.local is None:
        if isinstance(tunnel, Gre) and tunnel.remote.version == 6 and not parent.ipv6.addresses:
            missing = f"{parent.id} has no IPv6 address in the file"
            text = f"{missing}, and GRE over IPv6 is sent from one that is named"
            yield Problem((*path, "local"), text, hint=f"local: the address that {parent.id} has")
        return
    family = parent.ipv4 if tunnel.local.version == 4 else parent.ipv6
    given = [one.ip for one in family.addresses]
    if family.method == "static" and tunnel.local not in given:
        allowed = f"one of {', '.join(map(str, given))}"
        yield Problem(
            (*path, "local"), f"{tunnel.parent} has no address {tunnel.local}", tunnel.local, allowed
        )


def _check_methods(path: Path, item: Interface) -> Iterator[Problem]:
    """Refuse the ways to be numbered that need Ethernet, where packets alone are carried."""
    for family, method in (("ipv4", item.ipv4.method), ("ipv6", item.ipv6.method)):
        if method not in ("static", "none"):
            text = f"nobody behind {item.id} gives addresses: it carries packets to one router"
            yield Problem((*path, family, "method"), text, method, "static or none")
    if item.ipv6.advertise:
        text = f"there are no hosts behind {item.id} to announce the router to"
        yield Problem((*path, "ipv6", "advertise"), text, hint="frames: true carries a network of hosts")
