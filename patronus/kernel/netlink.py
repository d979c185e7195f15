# SPDX-License-Identifier: GPL-2.0-or-later
"""Links, addresses and routes over rtnetlink(7). Needs CAP_NET_ADMIN to change anything, nothing to read.

Each method opens a socket of its own, so that all may be called from any thread. Routes are ours when their
protocol is ``static``; those of the kernel, of dhcpcd and of people are never returned and never touched.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from patronus.core.fib import STATIC
from patronus.core.link import (
    Address,
    IpAddress,
    Link,
    LinkSettings,
    LinkWanted,
    Nic,
    Route,
    RouteKind,
    Seat,
    Tunnel,
)
from patronus.core.route_table import MAIN_TABLE
from patronus.kernel import bridges, nics, tun, vxlan
from patronus.kernel.dumps import reading
from patronus.kernel.fib import routes
from patronus.kernel.links_made import words
from patronus.kernel.links_seen import (
    OURS,
    OWN,
    LinkSeen,
    read_addresses,
    read_links,
)
from patronus.kernel.rtnetlink import NetlinkError, asking, dump, harmless, index_of

_TOLD = frozenset({11, 186, 188})
"""RTPROT_ZEBRA, RTPROT_BGP and RTPROT_OSPF: FRR gives each of its routes the metric 20."""
_TYPES: dict[int, RouteKind] = {1: "unicast", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
"""RTN_ of linux/rtnetlink.h."""
_NUMBERS = {kind: number for number, kind in _TYPES.items()}
_NODAD = 0x02
"""IFA_F_NODAD: usable at once, so that servers can bind to it while the link comes up."""


@dataclass(frozen=True)
class Snapshot:
    """The links, addresses and our routes, as the kernel had them at one moment."""

    links: tuple[Link, ...]
    addresses: tuple[Address, ...]
    routes: tuple[Route, ...]


def _kind(message: Any) -> str:
    return message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or ""


def set_mac(route: Any, index: int, mac: str) -> None:
    """Set the address of a card, and note its own while it has another.

    Many drivers take another only while the card is down, and say so.
    """
    told = route.get_links(index)[0]
    alias, own = told.get_attr("IFLA_IFALIAS") or "", told.get_attr("IFLA_ADDRESS")
    own = alias.removeprefix(OWN) if alias.startswith(OWN) else own
    try:
        route.link("set", index=index, address=mac)
    except NetlinkError as error:
        if error.code != errno.EBUSY:
            raise
        route.link("set", index=index, state="down")
        route.link("set", index=index, address=mac)
    route.link("set", index=index, ifalias="" if mac == own else f"{OWN}{own}")


def _joins_bond(route: Any, index: int, master: int) -> bool:
    """Return whether the link is about to become a member of a bond that it is none of."""
    if not master or route.get_links(index)[0].get_attr("IFLA_MASTER") == master:
        return False
    return _kind(route.get_links(master)[0]) == "bond"


def _is_told(route: Any, wanted: Route) -> bool:
    """Return whether a route that other routers told stands where one of ours shall: it makes room."""
    family = socket.AF_INET if wanted.destination.version == 4 else socket.AF_INET6
    key = (str(wanted.destination.network_address), wanted.destination.prefixlen, wanted.metric)
    zero = "0.0.0.0" if wanted.destination.version == 4 else "::"  # noqa: S104  # the default route
    return any(
        item["proto"] in _TOLD
        and (item.get_attr("RTA_DST") or zero, item["dst_len"], item.get_attr("RTA_PRIORITY") or 0) == key
        for item in dump(route, "get_routes", family=family, table=MAIN_TABLE)
    )


def _names(links: Iterable[LinkSeen]) -> dict[int, str]:
    return {one.number: one.name for one in links}


def _links(found: Sequence[LinkSeen], names: Mapping[int, str]) -> tuple[Link, ...]:
    vlans = bridges.carried(found)
    ends = vxlan.further({one.number for one in found if one.kind == "vxlan" and one.ours})
    return tuple(one.link(names, vlans.get(one.number), ends.get(one.number, ())) for one in found)


def _nic(seen: LinkSeen) -> Nic:
    path, driver = nics.bus_path(nics.ancestors(seen.name)), nics.driver(seen.name)
    return Nic(seen.name, seen.permanent_mac, path, driver, seen.carrier)


class Netlink:
    """The kernel's links in the network namespace of the calling thread. All methods raise KernelError."""

    def inventory(self) -> tuple[Nic, ...]:
        """Return the network cards: Ethernet links that nobody made, and veth ends, in the order of index."""
        with reading("list the network cards") as link:
            return tuple(_nic(one) for one in read_links(link) if one.is_card)

    def links(self) -> tuple[Link, ...]:
        """Return all links of Ethernet, PPP and GRE with their counters."""
        with reading("list the links") as link:
            found = read_links(link)
            return _links(found, _names(found))

    def addresses(self) -> tuple[Address, ...]:
        """Return the addresses of links of Ethernet, PPP and GRE."""
        with reading("read the addresses") as link:
            return read_addresses(link, _names(read_links(link)))

    def snapshot(self) -> Snapshot:
        """Return links, addresses and our routes; those of other links are left out."""
        with reading("read the links, addresses and routes") as link:
            found = read_links(link)
            names = _names(found)
            known = {"", *names.values()}
            seen = [one.as_static() for one in routes(link, names, STATIC)]
            return Snapshot(
                links=_links(found, names),
                addresses=read_addresses(link, names),
                routes=tuple(one for one in seen if one is not None and one.device in known),
            )

    def create_link(self, wanted: LinkWanted) -> None:
        """Make a link, down, and mark it as ours; nothing stays where marking fails."""
        with asking(f"create the {wanted.kind} {wanted.name}") as route:
            if wanted.kind == "nat64":
                tun.make(wanted.name)
            else:
                route.link("add", ifname=wanted.name, **words(route, wanted))
            try:
                route.link("set", index=index_of(route, wanted.name), ifalias=OURS)
                if isinstance(wanted.tunnel, Tunnel):
                    vxlan.join(route, wanted.name, wanted.tunnel)
            except NetlinkError:
                route.link("del", index=index_of(route, wanted.name))
                raise

    def delete_link(self, name: str) -> None:
        """Delete a link; its addresses and routes go with it. Harmless where it is gone."""
        with asking(f"delete the link {name}") as route, harmless():
            route.link("del", index=index_of(route, name))

    def configure_link(self, name: str, settings: LinkSettings) -> None:
        """Set MTU, master and state of a link in one request, address and bridge before, VLANs after.

        A card is taken down and joins a bond before that, since a bond refuses what is up, and kernels differ
        in whether one request sets the state or the master first. A link that is gone is down
        already; to set it up is an error.
        """
        with asking(f"set {name} to {settings}") as route, nullcontext() if settings.up else harmless():
            index = index_of(route, name)
            if settings.mac is not None:
                set_mac(route, index, settings.mac)
            if settings.stp is not None:
                route.link("set", index=index, kind="bridge", br_stp_state=int(settings.stp))
            if settings.filters is not None:
                bridges.set_filtering(route, index, filtering=settings.filters)
            changed: dict[str, Any] = {"state": "up" if settings.up else "down"}
            changed["master"] = index_of(route, settings.master) if settings.master else 0
            if _joins_bond(route, index, changed["master"]):
                route.link("set", index=index, state="down")
                route.link("set", index=index, master=changed["master"])
            if settings.mtu is not None:
                changed["mtu"] = settings.mtu
            route.link("set", index=index, **changed)
            if settings.vlans is not None:
                bridges.set_carried(route, index, settings.vlans)

    def seats(self, host: IpAddress) -> tuple[Seat, ...]:
        """Return at which ports of bridges a host was heard, as long as router and bridge remember it."""
        with reading("list the links") as link:
            names = _names(read_links(link))
        with asking(f"find {host} behind the bridges") as route:
            return bridges.seats(route, host, names)

    def add_address(self, address: Address) -> None:
        """Add an address, without waiting for duplicate detection."""
        self._change_address("add", address)

    def delete_address(self, address: Address) -> None:
        """Delete an address; the kernel drops the routes on it. Harmless where it, or the link, is gone."""
        self._change_address("del", address)

    def _change_address(self, verb: str, address: Address) -> None:
        interface = address.interface
        extra: dict[str, Any] = {"flags": _NODAD} if verb == "add" and interface.version == 6 else {}
        if verb == "add" and interface.version == 4 and interface.network.prefixlen < 31:
            extra["broadcast"] = str(interface.network.broadcast_address)
        gone = harmless(errno.EADDRNOTAVAIL, errno.ENXIO) if verb == "del" else nullcontext()
        with asking(f"{verb} the address {interface} on {address.device}") as route, gone:
            index = index_of(route, address.device)
            route.addr(
                verb, index=index, address=str(interface.ip), prefixlen=interface.network.prefixlen, **extra
            )

    def add_route(self, wanted: Route) -> None:
        """Add a route of ours."""
        self._change_route("add", wanted)

    def delete_route(self, route: Route) -> None:
        """Delete a route of ours. Harmless where it, or the link, is gone."""
        self._change_route("del", route)

    def _change_route(self, verb: str, wanted: Route) -> None:
        way: dict[str, Any] = {"gateway": str(wanted.gateway)} if wanted.gateway else {}
        gone = harmless(errno.ESRCH) if verb == "del" else nullcontext()
        with asking(f"{verb} the route {wanted}") as route, gone:
            if wanted.kind == "unicast":
                way["oif"] = index_of(route, wanted.device)
            words = {
                "dst": str(wanted.destination),
                "type": _NUMBERS[wanted.kind],
                "priority": wanted.metric,
                "proto": STATIC,
                "table": MAIN_TABLE,
                **way,
            }
            try:
                route.route(verb, **words)
            except NetlinkError as error:
                if abs(error.code) != errno.EEXIST or not _is_told(route, wanted):
                    raise
                route.route("replace", **words)
