# SPDX-License-Identifier: GPL-2.0-or-later
"""Links, addresses and the routes that stand on them as values, changed as the kernel's would be. Pure.

What the kernel does by itself is done here too: the routes to an address and to its network come and go with
it, and a route whose link or address goes is lost. Sources: fib_frontend.c and fib_semantics.c of Linux for
IPv4, addrconf.c for IPv6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network

from patronus.core.fib import KERNEL, LOCAL_TABLE, NOWHERE, STATIC, Fib, FibRoute, vrf_tables
from patronus.core.link import Address, Link, LinkSettings, LinkWanted, Route, Tunnel
from patronus.core.route_table import MAIN_TABLE, NextHop
from patronus.network.interfaces.difference import Look

CONNECTED6 = 256
"""The metric of the route to a network of ours, in IPv6; in IPv4 it has none."""


class LinkTwin:
    """What changes of links are done to. ``remade`` are links that were made anew on another wire."""

    def __init__(self, fib: Fib, look: Look) -> None:
        self.fib = fib
        self.links = {link.name: link for link in look[0]}
        self.addresses = list(look[1])
        self.remade: set[str] = set()
        self._before = dict(self.links)

    def look(self) -> Look:
        """Return what a look at the kernel would show."""
        return tuple(self.links.values()), tuple(self.addresses), tuple(self._static())

    def _static(self) -> Iterator[Route]:
        """Yield the routes of ours that have one hop, or that refuse."""
        for one in self.fib.routes():
            found = one.as_static() if one.owner == STATIC else None
            if found is not None and (found.device in self.links or not found.device):
                yield found

    def lose(self, lost: Callable[[FibRoute], bool]) -> None:
        """Take routes away."""
        for route in [one for one in self.fib.routes() if lost(one)]:
            self.fib.discard(route)

    def create_link(self, wanted: LinkWanted) -> None:
        """Make a link, down."""
        before = self._before.get(wanted.name)
        if before is not None and not _same_wire(before, wanted):
            self.remade.add(wanted.name)
        self.links[wanted.name] = Link(
            wanted.name, 0, wanted.kind, parent=wanted.parent, tag=wanted.tag, protocol=wanted.protocol,
            stp=wanted.stp, filters=wanted.filters, bond=wanted.bond, tunnel=wanted.tunnel,
            table=wanted.table, ours=True,
        )  # fmt: skip
        if wanted.table is not None:
            self._follow_tables()

    def delete_link(self, name: str) -> None:
        """Delete a link; what stands on it goes along, other links too."""
        gone = self.links.pop(name, None)
        if gone is None:
            return
        for link in list(self.links.values()):
            if link.parent == name:
                self.delete_link(link.name)
            elif link.master == name:
                self.links[link.name] = replace(link, master=None)
        self.addresses = [one for one in self.addresses if one.device != name]
        self._lose_link(name)
        if gone.table is not None:
            self._follow_tables()

    def configure_link(self, name: str, settings: LinkSettings) -> None:
        """Set a link up or down, and into a bridge or bond or out of it."""
        link = self.links.get(name)
        if link is None:
            return
        mtu = settings.mtu or link.mtu
        stp = link.stp if settings.stp is None else settings.stp
        filters = link.filters if settings.filters is None else settings.filters
        self.links[name] = replace(
            link,
            up=settings.up,
            master=settings.master,
            mac=settings.mac or link.mac,
            mtu=mtu,
            stp=stp,
            filters=filters,
            vlans=settings.vlans,
        )
        if link.up and not settings.up:
            self._go_down(name)
        if settings.master != link.master and {settings.master, link.master} & self.fib.vrfs.keys():
            self._follow_tables()
        self._connect_all(name)

    def _go_down(self, name: str) -> None:
        """Take away the routes by a link, and its addresses of IPv6."""
        self.addresses = [one for one in self.addresses if one.device != name or one.interface.version == 4]
        self._lose_link(name)

    def _follow_tables(self) -> None:
        """Set links down and up that have come into a VRF or out of one, as the kernel does."""
        before, self.fib.vrfs = self.fib.vrfs, vrf_tables(self.links.values())
        for name, link in self.links.items():
            if link.table is None and self.fib.vrfs.get(name) != before.get(name):
                self._go_down(name)
                self._connect_all(name)

    def add_address(self, address: Address) -> None:
        """Add an address, and on a link that is up the routes to it and its network."""
        self.addresses.append(address)
        self._connect_all(address.device)

    def delete_address(self, address: Address) -> None:
        """Delete an address and what stood on it; with the last of IPv4 all routes by the link go."""
        if address not in self.addresses:
            return
        self.addresses.remove(address)
        device, own = address.device, address.interface
        for meant in self._routes_of(address):
            for one in self._standing(meant):
                self.fib.discard(one)
        left = [one for one in self.addresses if one.device == device]
        if own.version == 4:
            last = not any(one.interface.version == 4 for one in left)
            by_device = [one for one in self.fib.on(device) if last and one.destination.version == 4]
            for one in (*self.fib.on(own.ip), *by_device):
                self.fib.discard(one)
        self._connect_all(device)

    def add_route(self, wanted: Route) -> None:
        """Add a route of ours, in the place of one that another router told."""
        for one in self.fib.at(MAIN_TABLE, wanted.destination):
            if one.metric == wanted.metric:
                self.fib.discard(one)
        hops = () if wanted.kind in NOWHERE else (NextHop(wanted.device, wanted.gateway),)
        self.fib.add(FibRoute(MAIN_TABLE, wanted.destination, wanted.kind, hops, wanted.metric, STATIC))

    def delete_route(self, route: Route) -> None:
        """Delete a route of ours."""
        for one in self.fib.at(MAIN_TABLE, route.destination):
            by = not route.device or any(hop.device == route.device for hop in one.hops)
            if (one.owner, one.metric, one.kind) == (STATIC, route.metric, route.kind) and by:
                self.fib.discard(one)

    def _standing(self, meant: FibRoute) -> list[FibRoute]:
        """Return the kernel's own route for an address, as it made it."""
        return [
            one for one in self.fib.at(meant.table, meant.destination)
            if (one.kind, one.owner) == (meant.kind, KERNEL) and _leads(one, meant.hops[0].device)
        ]  # fmt: skip

    def _connect_all(self, device: str) -> None:
        """Make the routes for the addresses of a link that are missing, where it is up."""
        link = self.links.get(device)
        for address in self.addresses if link is not None and link.up else ():
            for route in self._routes_of(address) if address.device == device else ():
                if not self._standing(route):
                    self.fib.add(route)

    def _routes_of(self, address: Address) -> Iterator[FibRoute]:
        """Yield the routes that the kernel makes for an address, in a VRF in its table."""
        table = self.fib.vrfs.get(address.device)
        for route in _routes_of(address):
            yield route if table is None else replace(route, table=table)

    def _lose_link(self, name: str) -> None:
        """Take away what leads out by a link; in IPv6 a route of several ways keeps the others."""
        for route in self.fib.on(name):
            self.fib.discard(route)
            left = tuple(hop for hop in route.hops if hop.device != name)
            if left and route.destination.version == 6:
                self.fib.add(replace(route, hops=left))


def _same_wire(before: Link, after: LinkWanted) -> bool:
    """Return whether the hosts behind a link are behind it as well when it is made anew."""
    places = [(one.parent, one.tag, one.protocol) for one in (before, after)]
    old, new = before.tunnel, after.tunnel
    if isinstance(old, Tunnel) and isinstance(new, Tunnel) and {*old.remotes} <= {*new.remotes}:
        old = replace(old, remote=new.remote, others=new.others)
    return places[0] == places[1] and old == new


def _leads(route: FibRoute, device: str) -> bool:
    return any(hop.device == device for hop in route.hops)


def _routes_of(address: Address) -> Iterator[FibRoute]:
    """Yield the routes that the kernel makes for an address on a link that is up."""
    own, hops = address.interface, (NextHop(address.device),)
    network = own.network
    source = own.ip if own.version == 4 else None
    yield FibRoute(LOCAL_TABLE, ip_network(own.ip), "local", hops, source=source)
    if own.version == 6:
        yield FibRoute(MAIN_TABLE, network, "unicast", hops, CONNECTED6)
        return
    if network.prefixlen < 32:
        yield FibRoute(MAIN_TABLE, network, "unicast", hops, source=source)
    if network.prefixlen < 31:
        broadcast = ip_network(network.broadcast_address)
        yield FibRoute(LOCAL_TABLE, broadcast, "broadcast", hops, source=source)
