# SPDX-License-Identifier: GPL-2.0-or-later
"""What must change so that the links are as planned: four phases, each from a fresh look at the kernel.

The kernel drops routes with the address they stand on, and addresses with the state of their link; so what
will be lost is taken away by name first, where it can be undone, and what is missing is added last.
Unplanned state is removed only where it is ours: links with our mark, addresses on devices that
have a role (never link-local ones, nor those of a family that a DHCP client keeps), static routes on
them, and those that refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from patronus.core.link import Address, IpNetwork, Link, LinkKind, LinkSettings, LinkWanted, Route
from patronus.network.interfaces.changes import Change, ConfigureLink, CreateLink, SetAddress, SetRoute
from patronus.network.interfaces.plan import InterfacesPlan

_MADE: tuple[LinkKind, ...] = ("vlan", "bridge", "bond", "dummy", "vxlan", "gre", "vrf", "nat64")
"""Kinds of links that are made."""
_MADE_ANEW = ("kind", "parent", "tag", "protocol", "bond", "tunnel", "table")
"""What the kernel does not change on a link that stands."""
_FOUND: tuple[LinkKind, ...] = ("nic", "pppoe")
"""Kinds that come and go by themselves."""
Look = tuple[Sequence[Link], Sequence[Address], Sequence[Route]]
"""What was seen in the kernel at one moment."""


def phases(
    plan: InterfacesPlan, running: InterfacesPlan | None, look: Callable[[], Look]
) -> Iterator[list[Change]]:
    """Yield the changes of each phase; the kernel is looked at again after one that changed something."""
    seen = look()
    made: tuple[Callable[[], list[Change]], ...] = (
        lambda: removals(plan, running, seen),
        lambda: creations(plan, seen[0]),
        lambda: settings(plan, seen[0]),
        lambda: additions(plan, *seen[1:]),
    )
    changes: list[Change] = []
    for phase in made:
        if changes:
            seen = look()
        changes = phase()
        yield changes


def _named(links: Sequence[Link]) -> dict[str, Link]:
    return {link.name: link for link in links}


def _settings(link: Link) -> LinkSettings:
    is_bridge = link.kind == "bridge"
    return LinkSettings(
        up=link.up,
        master=link.master,
        mtu=link.mtu,
        stp=link.stp if is_bridge else None,
        filters=link.filters or None,
        vlans=link.vlans,
    )


def _same_thing(link: Link, wanted: LinkWanted) -> bool:
    """Return whether the link can become the wanted one without being made anew."""
    if wanted.kind == "nic":
        return True
    return all(getattr(link, name) == getattr(wanted, name) for name in _MADE_ANEW)


def vanished(plan: InterfacesPlan, links: Sequence[Link]) -> frozenset[str]:
    """Return the devices that cannot be: cards and sessions gone since the plan, and what stands on them."""
    present = _named(links)
    gone: set[str] = set()
    for link in plan.links:  # parents come first
        if link.name not in present and (link.kind in _FOUND or link.parent in gone):
            gone.add(link.name)
    return frozenset(gone)


def _stale(plan: InterfacesPlan, links: Sequence[Link]) -> list[Link]:
    """Return the links of ours that must go, those that stand on others first: they would go with them."""
    wanted = {link.name: link for link in plan.links}
    found = [
        link
        for link in links
        if link.ours and not (link.name in wanted and _same_thing(link, wanted[link.name]))
    ]
    gone = {link.name for link in found}
    while above := [link for link in links if link.ours and link.parent in gone and link.name not in gone]:
        found += above
        gone |= {link.name for link in above}
    named = _named(links)
    return sorted(found, key=lambda link: (-_height(link, named), link.name))


def _height(link: Link, named: Mapping[str, Link]) -> int:
    """Return on how many links this one stands."""
    height = 0
    while link.parent is not None and link.parent in named and height < len(named):
        link, height = named[link.parent], height + 1
    return height


def _keeps(plan: InterfacesPlan) -> set[tuple[str, int]]:
    """Return the (device, IP version) pairs whose addresses belong to a DHCP client, or to pppd."""
    kept = {(client.device, 4) for client in plan.clients if client.ipv4}
    kept |= {(client.device, 6) for client in plan.clients if client.ipv6}
    return kept | {(link.name, version) for link in plan.links if link.kind == "pppoe" for version in (4, 6)}


def _released(plan: InterfacesPlan, running: InterfacesPlan | None) -> list[str]:
    """Return the NICs that shall be down: without a role, or with one in the plan before and none now."""
    before = [link.name for link in running.links if link.kind == "nic"] if running else []
    playing = {link.name for link in plan.links}
    return [name for name in dict.fromkeys((*plan.idle, *before)) if name not in playing]


def removals(plan: InterfacesPlan, running: InterfacesPlan | None, look: Look) -> list[Change]:
    """Phase 1: take away routes, then addresses, then links that shall not be; set NICs without a role down.

    The static addresses of ``running`` go even where a DHCP client keeps its own now.
    """
    links, addresses, routes = look
    gone, released = _stale(plan, links), _released(plan, running)
    emptied = {link.name for link in gone} | set(released)
    kept, former = _keeps(plan), set(running.wanted_addresses()) if running else set()
    wanted = set(plan.wanted_addresses())

    def is_surplus(address: Address) -> bool:
        taken = address.device in emptied or address.device in moved
        if address.interface.is_link_local or (not taken and address in wanted):
            return False
        return (
            taken
            or address in former
            or (address.device in ours and (address.device, address.interface.version) not in kept)
        )

    ours, moved = {link.name for link in plan.links} | emptied, _moved(plan, links, gone)
    surplus = [address for address in addresses if is_surplus(address)]
    touched = {(address.device, address.interface.version) for address in surplus}
    lost = [
        route
        for route in routes
        if (route.device in ours or route.kind != "unicast")
        and (route not in plan.routes or (route.device, route.destination.version) in touched)
    ]
    idle = [link for link in links if link.name in released and (link.up or link.master)]
    return [
        *(SetRoute(route, gone=True) for route in lost),
        *(SetAddress(address, gone=True) for address in surplus),
        *_partings(links, gone),
        *(change for link in gone for change in _deletion(link)),
        *(_down(link) for link in idle),
    ]


def _moved(plan: InterfacesPlan, links: Sequence[Link], gone: Sequence[Link]) -> set[str]:
    """Return the links that come into a VRF, or out of one: the kernel drops what is on them."""
    now = {link.name for link in links if link.table is not None}
    then = {link.name for link in plan.links if link.table is not None}
    wanted = {link.name: link.master for link in plan.links if link.master in then}
    ending = {link.name for link in gone}
    return {
        link.name
        for link in links
        for before in [link.master if link.master in now else None]
        if before in ending or before != wanted.get(link.name)
    }


def _partings(links: Sequence[Link], gone: Sequence[Link]) -> Iterator[Change]:
    """Yield what takes the members out of VRFs that go, so that it can be taken back."""
    ending = {link.name for link in gone if link.table is not None}
    left = {link.name for link in gone}
    for link in links:
        if link.master in ending and link.name not in left:
            before = _settings(link)
            yield ConfigureLink(link.name, before, replace(before, master=None))


def _down(link: Link) -> ConfigureLink:
    return ConfigureLink(link.name, _settings(link), LinkSettings(up=False, stp=_settings(link).stp))


def _deletion(link: Link) -> list[Change]:
    down: list[Change] = [_down(link)] if link.up or link.master else []
    return [*down, CreateLink(_as_wanted(link), gone=True)]


def _as_wanted(link: Link) -> LinkWanted:
    kind: LinkKind = next((kind for kind in _MADE if kind == link.kind), "bridge")
    return LinkWanted(
        role="",
        name=link.name,
        kind=kind,
        parent=link.parent,
        tag=link.tag,
        protocol=link.protocol,
        stp=link.stp,
        filters=link.filters,
        bond=link.bond,
        tunnel=link.tunnel,
        table=link.table,
    )


def creations(plan: InterfacesPlan, links: Sequence[Link]) -> list[Change]:
    """Phase 2: make the links that are missing, parents first."""
    present = _named(links)
    return [CreateLink(link) for link in plan.links if link.kind not in _FOUND and link.name not in present]


def settings(plan: InterfacesPlan, links: Sequence[Link]) -> list[Change]:
    """Phase 3: MTU, bridge membership, VLANs and state of every link with a role; a card's address.

    A bond gives its members the address that they have.
    """
    present = _named(links)
    changes: list[Change] = []
    bonds = {one.name for one in plan.links if one.kind == "bond"}
    for wanted in plan.links:
        link = present.get(wanted.name)
        if link is None or wanted.kind == "pppoe":  # pppd has agreed on its MTU with the provider
            continue
        after = _settings_wanted(wanted, link)
        before = replace(_settings(link), filters=None if after.filters is None else link.filters)
        if wanted.kind == "nic" and wanted.master not in bonds and (mac := _other_mac(wanted, link)):
            before, after = replace(before, mac=link.mac or None), replace(after, mac=mac)
        if after.vlans is None:  # it keeps those of a bridge that filters no more, where they mean nothing
            before = replace(before, vlans=None)
        if before != after:
            changes.append(ConfigureLink(wanted.name, before, after))
    return changes


def _other_mac(wanted: LinkWanted, link: Link) -> str | None:
    """Return the address that a card shall have and has not; None where it is as it shall be."""
    mac = wanted.mac or link.own
    return mac if mac and mac != link.mac else None


def _settings_wanted(wanted: LinkWanted, link: Link) -> LinkSettings:
    is_bridge = wanted.kind == "bridge"
    return LinkSettings(
        up=True,
        master=wanted.master,
        mtu=wanted.mtu or link.mtu,
        stp=wanted.stp if is_bridge else None,
        filters=wanted.filters if is_bridge and (wanted.filters or link.filters) else None,
        vlans=wanted.vlans,
    )


def additions(plan: InterfacesPlan, addresses: Sequence[Address], routes: Sequence[Route]) -> list[Change]:
    """Phase 4: addresses, then routes, that are missing."""
    changes: list[Change] = [
        SetAddress(address) for address in plan.wanted_addresses() if address not in addresses
    ]
    standing = {*addresses, *plan.wanted_addresses()}
    subnets: dict[str, list[IpNetwork]] = {}
    for address in standing:
        subnets.setdefault(address.device, []).append(address.interface.network)
    present = set(routes)
    changes += [
        SetRoute(route)
        for route in plan.routes
        if route not in present and _reaches(route, subnets.get(route.device, ()))
    ]
    return changes


def _reaches(route: Route, subnets: Sequence[IpNetwork]) -> bool:
    """Return whether the gateway is on the link: a client may have lost its address a moment ago."""
    gateway = route.gateway
    return gateway is None or gateway.is_link_local or any(gateway in subnet for subnet in subnets)
