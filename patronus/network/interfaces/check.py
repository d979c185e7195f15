# SPDX-License-Identifier: GPL-2.0-or-later
"""What one value alone cannot show about the interfaces: references, doubles, overlaps, what is not built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Interface, IPv6Interface
from itertools import takewhile

from patronus.core.link import LinkKind
from patronus.core.problem import Path, Problem
from patronus.network.interfaces.check_card import check_card
from patronus.network.interfaces.check_mtu import check_mtu
from patronus.network.interfaces.check_session import check_session
from patronus.network.interfaces.check_switch import check_switches
from patronus.network.interfaces.check_tunnel import check_tunnels
from patronus.network.interfaces.check_vrf import check_vrfs
from patronus.network.interfaces.model import Interface, Interfaces, Ipv4, Ipv6, standing_on
from patronus.network.interfaces.onlink import SUBNET_LENGTH
from patronus.network.interfaces.translator import check_translator

_HERE = ("network/interfaces", "interfaces")
_TUNNELS: tuple[LinkKind, ...] = ("vxlan", "gre")
_HASHING = ("balance-xor", "802.3ad", "balance-tlb")
"""Modes of a bond in which a hash decides the member of a frame."""


def _at(position: int, *rest: str | int) -> Path:
    return (*_HERE, position, *rest)


def check(model: Interfaces) -> Iterator[Problem]:
    """Yield every problem of the section."""
    yield from _doubles(model, lambda item: item.id, "id")
    yield from _doubles(model, lambda item: item.match.mac if item.match else None, "match", "mac")
    yield from _doubles(
        model,
        lambda item: item.match.path if item.match and item.match.mac is None else None,
        "match",
        "path",
    )
    roles = {item.id: item for item in model.interfaces}
    for position, item in enumerate(model.interfaces):
        yield from _check_ipv4(_at(position, "ipv4"), item.ipv4)
        yield from _check_ipv6(_at(position, "ipv6"), item.ipv6)
        yield from _check_delegated(position, item, roles)
        yield from _check_vlan(position, item, roles)
        yield from _check_joined(position, item, roles)
        yield from _check_bond(position, item)
        yield from check_session(_at(position), item, roles)
        yield from _check_xdp(position, item, roles)
        yield from check_card(_at(position), item, roles)
        yield from check_mtu(_at(position, "mtu"), item, roles)
    yield from check_switches(model)
    yield from check_tunnels(model)
    yield from check_vrfs(model)
    yield from check_translator(model)
    yield from _check_members(model)
    yield from _check_tags(model)
    yield from _check_subnets(model)
    yield from _check_overlaps(model)


def _doubles(model: Interfaces, key: Callable[[Interface], str | None], *rest: str) -> Iterator[Problem]:
    counts = Counter(key(item) for item in model.interfaces)
    for position, item in enumerate(model.interfaces):
        value = key(item)
        if value is not None and counts[value] > 1:
            yield Problem(_at(position, *rest), f"{value} is given to {counts[value]} interfaces", value)


def _check_family(path: Path, family: Ipv4 | Ipv6, version: int) -> Iterator[Problem]:
    """Check what both families have in common: static addresses and the gateway among them."""
    if family.method == "static" and not family.addresses:
        yield Problem(
            (*path, "addresses"), "a static interface needs an address", hint="add addresses: [...]"
        )
    if family.method != "static" and (family.addresses or family.gateway):
        allowed = "addresses and gateway belong to method static"
        yield Problem(
            (*path, "method"), f"method {family.method} takes no address from the file", None, allowed
        )
    for position, address in enumerate(family.addresses):
        if address.version != version:
            yield Problem(
                (*path, "addresses", position), f"{address} is not an IPv{version} address", address
            )
    gateway = family.gateway
    if gateway and not any(gateway in address.network for address in family.addresses):
        link_local = gateway.version == 6 and gateway.is_link_local
        if not link_local:
            yield Problem((*path, "gateway"), f"{gateway} is in none of the interface's subnets", gateway)
    if gateway and any(gateway == address.ip for address in family.addresses):
        yield Problem((*path, "gateway"), f"{gateway} is the interface's own address", gateway)


def _check_ipv4(path: Path, ipv4: Ipv4) -> Iterator[Problem]:
    yield from _check_family(path, ipv4, 4)


def _check_ipv6(path: Path, ipv6: Ipv6) -> Iterator[Problem]:
    yield from _check_family(path, ipv6, 6)
    if ipv6.method != "delegated" and (ipv6.from_ or ipv6.subnet or ipv6.ula):
        yield Problem(path, "from, subnet and ula belong to method delegated", allowed="method delegated")
    if ipv6.prefix_delegation and ipv6.method not in ("dhcp", "slaac"):
        text = f"an interface with method {ipv6.method} asks for no prefix"
        yield Problem((*path, "prefix_delegation"), text, allowed="method dhcp or slaac")
    if ipv6.advertise:
        yield from _check_advertise(path, ipv6)
    if ipv6.translator and ipv6.method != "delegated" and not ipv6.advertise:
        text = "hosts of this network are told nothing, so they would not hear of the translator"
        yield Problem((*path, "translator"), text, ipv6.translator, hint="advertise: true")


def _check_advertise(path: Path, ipv6: Ipv6) -> Iterator[Problem]:
    """Hosts number themselves in a /64 alone (RFC 4862 section 5.5.3)."""
    if ipv6.method not in ("static", "delegated"):
        text = f"an interface with method {ipv6.method} has no prefix to announce"
        yield Problem((*path, "advertise"), text, allowed="method static or delegated")
    for position, address in enumerate(ipv6.addresses):
        if address.network.prefixlen != SUBNET_LENGTH:
            text = f"hosts cannot number themselves in {address.network}, which is announced"
            yield Problem((*path, "addresses", position), text, address, "a prefix of 64 bits")


def _check_delegated(position: int, item: Interface, roles: Mapping[str, Interface]) -> Iterator[Problem]:
    if item.ipv6.method != "delegated":
        return
    path, name = _at(position, "ipv6", "from"), item.ipv6.from_
    uplink = roles.get(name) if name else None
    asking = [role for role, one in roles.items() if one.ipv6.prefix_delegation]
    allowed = "one of " + ", ".join(sorted(asking)) if asking else "an interface with prefix_delegation"
    if name is None:
        if not item.ipv6.ula:
            text = f"nothing says whose prefix {item.id} is numbered from"
            yield Problem(path, text, allowed=allowed, hint="ula: true alone gives it a local prefix")
    elif uplink is None:
        yield Problem(path, f"there is no interface {name}", name, allowed)
    elif uplink.ipv6.prefix_delegation is None:
        hint = f"give {name} prefix_delegation: {{hint: 56}}"
        yield Problem(path, f"{name} does not ask for a prefix", name, allowed, hint)


def _check_subnets(model: Interfaces) -> Iterator[Problem]:
    """Two networks with one number would have one prefix: of an uplink, or of the site's local ones."""
    seen: dict[tuple[str | None, int], str] = {}
    for position, item in enumerate(model.interfaces):
        ipv6 = item.ipv6
        if ipv6.method != "delegated":
            continue
        sources = {ipv6.from_, *([None] if ipv6.ula else [])}
        others = {seen.setdefault((source, ipv6.subnet), item.id) for source in sources} - {item.id}
        for other in sorted(others):
            text = f"subnet {ipv6.subnet} is {other}'s already"
            yield Problem(_at(position, "ipv6", "subnet"), text, ipv6.subnet, hint="choose another number")


def _check_vlan(position: int, item: Interface, roles: Mapping[str, Interface]) -> Iterator[Problem]:
    if item.vlan is None:
        return
    parent = roles.get(item.vlan.parent)
    path = _at(position, "vlan", "parent")
    if parent is None:
        yield Problem(path, f"there is no interface {item.vlan.parent}", item.vlan.parent, _listed(roles))
        return
    below = standing_on(item, roles)
    if item in below:
        yield Problem(
            path, f"{item.id} would stand on itself", parent.id, hint=f"another parent for {item.id}"
        )
    elif parent.leads_to_one:
        what = "a session with a provider" if parent.pppoe else "a tunnel of packets"
        text = f"{parent.id} is {what}, which carries no tags"
        yield Problem(path, text, parent.id, hint=f"{parent.parent}, which it stands on")
    elif sum(one.kind == "vlan" for one in takewhile(lambda one: one.kind not in _TUNNELS, below)) > 1:
        text = f"{parent.id} stands on a VLAN already, and frames have two tags at most"
        yield Problem(path, text, parent.id, hint="a VLAN, or what carries it")


def _check_xdp(position: int, item: Interface, roles: Mapping[str, Interface]) -> Iterator[Problem]:
    """Refuse a mode of XDP where no card is: it stands on the cards that the packets come in by."""
    if item.xdp == "auto" or item.kind == "nic":
        return
    below = [one.id for one in standing_on(item, roles)[-1:]] or list(item.members)
    hint = f"set it at {', '.join(below)}" if below else "leave it out: no packet comes in here"
    message = f"XDP stands on network cards, and {item.id} is a {item.kind}"
    yield Problem(_at(position, "xdp"), message, item.xdp, hint=hint)


def _listed(roles: Mapping[str, Interface]) -> str:
    return "one of " + ", ".join(sorted(roles))


_JOINABLE: Mapping[str, tuple[LinkKind, ...]] = {
    "bridge": ("nic", "vlan", "bond", *_TUNNELS),
    "bond": ("nic",),
    "vrf": ("nic", "vlan", "bridge", "bond", "dummy", *_TUNNELS),
}
"""What each kind may join: the kernel refuses the rest."""


def _check_joined(position: int, item: Interface, roles: Mapping[str, Interface]) -> Iterator[Problem]:
    """Check the members of a bridge, bond or VRF; those of a VRF have addresses of their own."""
    for place, member in enumerate(item.members):
        path = _at(position, item.kind, "members", place)
        found = roles.get(member)
        allowed = _JOINABLE[item.kind]
        if found is None:
            yield Problem(path, f"there is no interface {member}", member, _listed(roles))
        elif found.kind not in allowed:
            names = " or ".join("match" if kind == "nic" else kind for kind in allowed)
            text = f"{member} is a {found.kind}{' itself' if found.kind == item.kind else ''}"
            yield Problem(path, text, member, f"an interface with {names}")
        elif item.vrf is not None:
            continue
        elif found.leads_to_one:
            text = f"{member} carries packets alone, and a {item.kind} joins what carries frames"
            yield Problem(path, text, member, hint=f"frames: true at {member}, and at its other end")
        elif _stands_on(found, item.id, roles):
            text = f"{member} stands on {item.id}, which would join it to itself"
            yield Problem(path, text, member, hint=f"another parent for {member}")
        elif found.zone or found.ipv4.method != "none" or found.ipv6.method != "none":
            hint = f"give them to {item.id}"
            yield Problem(path, f"{member} has a zone or addresses of its own", member, hint=hint)
        elif item.bond is not None and found.mac is not None:
            text = f"{member} shows {found.mac}, and a bond gives all its members one address"
            yield Problem(path, text, member, hint=f"no mac at {member}")


def _stands_on(item: Interface, role: str, roles: Mapping[str, Interface]) -> bool:
    """Return whether an interface is a VLAN on the role: frames would go round and round."""
    return any(below.id == role for below in standing_on(item, roles))


def _check_bond(position: int, item: Interface) -> Iterator[Problem]:
    """Check what belongs to some modes alone: the kernel refuses it in the others."""
    bond = item.bond
    if bond is None:
        return
    if bond.hash != "layer2" and bond.mode not in _HASHING:
        allowed = f"mode {', '.join(_HASHING)}"
        yield Problem(_at(position, "bond", "hash"), f"mode {bond.mode} has no hash", bond.hash, allowed)
    if bond.lacp_rate != "slow" and bond.mode != "802.3ad":
        text = f"mode {bond.mode} does not speak LACP"
        yield Problem(_at(position, "bond", "lacp_rate"), text, bond.lacp_rate, "mode 802.3ad")


def _check_members(model: Interfaces) -> Iterator[Problem]:
    counts = Counter(member for item in model.interfaces for member in item.members)
    for position, item in enumerate(model.interfaces):
        if counts[item.id] > 1:
            text = f"{item.id} is a member {counts[item.id]} times"
            yield Problem(_at(position, "id"), text, item.id, "a member of one bridge, bond or VRF")


def _check_tags(model: Interfaces) -> Iterator[Problem]:
    seen: dict[tuple[str, int], str] = {}
    for position, item in enumerate(model.interfaces):
        if item.vlan is None:
            continue
        other = seen.setdefault((item.vlan.parent, item.vlan.tag), item.id)
        if other != item.id:
            text = f"tag {item.vlan.tag} on {item.vlan.parent} is {other}'s already"
            yield Problem(_at(position, "vlan", "tag"), text, item.vlan.tag)


_Placed = tuple[int, str, int, Interface, IPv4Interface | IPv6Interface]
"""An address with its interface, and where both stand: position, family, place."""


def _check_overlaps(model: Interfaces) -> Iterator[Problem]:
    """Two interfaces in one subnet: the kernel would answer on either, and send on the wrong one."""
    placed: list[_Placed] = [
        (position, family, place, item, address)
        for position, item in enumerate(model.interfaces)
        for family, addresses in (("ipv4", item.ipv4.addresses), ("ipv6", item.ipv6.addresses))
        for place, address in enumerate(addresses)
    ]
    near = _near_another(placed)
    for later, (position, family, place, item, address) in enumerate(near):
        for _, _, _, other, earlier in near[:later]:
            if other.id == item.id or address.version != earlier.version:
                continue
            if address.network.overlaps(earlier.network):
                text = f"{address} overlaps {earlier} of {other.id}"
                yield Problem(_at(position, family, "addresses", place), text, address)


def _near_another(placed: Sequence[_Placed]) -> list[_Placed]:
    """Return, in their order, those in a run of overlapping subnets: a thousand have half a million pairs."""
    networks = [address.network for *_, address in placed]
    starts = [(network.version, int(network.network_address)) for network in networks]
    runs: list[list[int]] = []
    end = (0, 0)
    for at in sorted(range(len(placed)), key=starts.__getitem__):
        if starts[at] > end:
            runs.append([])
        runs[-1].append(at)
        end = max(end, (networks[at].version, int(networks[at].broadcast_address)))
    return [placed[at] for at in sorted(at for run in runs if len(run) > 1 for at in run)]
