# SPDX-License-Identifier: GPL-2.0-or-later
"""Which uplinks are taken, and the routes, tables and rules that they become. Pure.

Each has a table with its own networks, the static routes that lead out by it, and its default route. A
connection is marked with the uplink that it began on and asks that table from then on. New ones take the
default route of ours in the main table: the uplinks of the lowest tier of which one is well. Where none is,
that route is not there, and the default routes of the interfaces stand as they would without us.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from patronus.core.link import IpAddress
from patronus.core.route_table import (
    ANSWERS,
    EVERYWHERE,
    FAMILIES,
    MAIN_TABLE,
    MARKED,
    NUMBERED,
    UPLINK_TABLES,
    Family,
    NextHop,
    RouteRule,
    Selector,
    TableRoute,
    uplink_mark,
)
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.routing.model import Gateway
from patronus.network.routing.plan import Links, hop_by
from patronus.network.uplinks.model import Uplink, Uplinks

DEFAULT_METRIC = 90
"""Before the default routes of the interfaces, behind static routes that say nothing else."""


@dataclass(frozen=True)
class WayOut:
    """An uplink as it stands now.

    ``number``  its place in the file from 1: its mark, and with it its table.
    ``hops``    family → its default gateway; without any it waits, and ``reason`` says why.
    ``taken``   whether new connections go by it; ``well``: whether its checks are answered.
    """

    role: str
    number: int
    device: str | None = None
    hops: Mapping[Family, NextHop] = field(default_factory=dict)
    reason: str | None = None
    well: bool = True
    taken: bool = False

    @property
    def table(self) -> int:
        """Return the number of its table."""
        return UPLINK_TABLES + self.number - 1

    @property
    def gateway(self) -> IpAddress | None:
        """Return the gateway that is asked whether it is well: that of IPv4 where there is one."""
        return next((hop.gateway for hop in self.hops.values()), None)


def ways_out(
    uplinks: Uplinks, interfaces: Interfaces, links: InterfacesPlan, down: Collection[str]
) -> tuple[WayOut, ...]:
    """Return the uplinks that are enabled, as they stand now."""
    gateways = {item.id: (item.ipv4.gateway, item.ipv6.gateway) for item in interfaces.interfaces}
    subnets = Links(links.devices, links.subnets())
    numbered = [(number, item) for number, item in enumerate(uplinks.uplinks, 1) if item.enabled]
    found = [
        _way_out(number, item, gateways.get(item.id, ()), links, subnets, well=item.id not in down)
        for number, item in numbered
    ]
    able = [item.tier for (_, item), way in zip(numbered, found, strict=True) if way.well and way.hops]
    return tuple(
        WayOut(**{**vars(way), "taken": bool(way.well and way.hops and item.tier == min(able))})
        for (_, item), way in zip(numbered, found, strict=True)
    )


def _way_out(
    number: int,
    item: Uplink,
    given: Sequence[IpAddress | None],
    links: InterfacesPlan,
    subnets: Links,
    *,
    well: bool,
) -> WayOut:
    learned = links.learned.get(item.id)
    gateways = [*given, *((learned.gateway, learned.gateway6) if learned else ())]
    hops: dict[Family, NextHop] = {}
    reason: str | None = "it has no gateway now"
    for gateway in gateways:
        if gateway is None:
            continue
        hop = hop_by(Gateway(gateway=gateway, interface=item.id, weight=item.weight), subnets)
        if isinstance(hop, NextHop):
            hops.setdefault(4 if gateway.version == 4 else 6, hop)
        else:
            reason = hop
    device = links.devices.get(item.id)
    if device is None:
        reason = f"{item.id} has no device"
    by_family = {family: hops[family] for family in FAMILIES if family in hops}
    return WayOut(item.id, number, device, by_family, None if hops else reason, well)


def routes_of(ways: Sequence[WayOut], links: InterfacesPlan) -> Iterator[TableRoute]:
    """Yield the routes of each uplink's table, and the default route by those that are taken."""
    subnets = links.subnets()
    for way in ways:
        for family, hop in way.hops.items():
            for subnet in dict.fromkeys(subnets.get(way.role, ())):
                if subnet.version == family and subnet.num_addresses > 1:
                    yield TableRoute(way.table, subnet, (NextHop(hop.device),))
            for route in links.static.values():
                if route.device == hop.device and route.destination.version == family:
                    out = NextHop(route.device, route.gateway)
                    yield TableRoute(way.table, route.destination, (out,), route.metric)
            yield TableRoute(way.table, EVERYWHERE[family], (hop,), DEFAULT_METRIC)
    for family in FAMILIES:
        taken = tuple(way.hops[family] for way in ways if way.taken and family in way.hops)
        if taken:
            yield TableRoute(MAIN_TABLE, EVERYWHERE[family], taken, DEFAULT_METRIC)


def rules_of(ways: Sequence[WayOut], links: InterfacesPlan) -> Iterator[RouteRule]:
    """Yield the rules that keep connections and the router's own answers on their uplink.

    So do networks that are numbered from its prefix, while it is well: no other provider carries what has an
    address of it (RFC 8678), and when it is not, another may be told to translate it.
    """
    for way in ways:
        place = way.number - 1
        for family in way.hops:
            marked = Selector(mark=uplink_mark(way.number))
            yield RouteRule(family, MARKED + place, way.table, marked)
            for address in own_addresses(way.role, links):
                if address.version == family:
                    answers = Selector(source=ip_network(address))
                    yield RouteRule(family, ANSWERS + place, way.table, answers)
        learned = links.learned.get(way.role)
        if learned is not None and way.well and 6 in way.hops:
            for one in learned.prefixes:
                yield RouteRule(6, NUMBERED + place, way.table, Selector(source=one.prefix))


def own_addresses(role: str, links: InterfacesPlan) -> tuple[IpAddress, ...]:
    """Return the router's addresses on an uplink, those that it was given too."""
    learned = links.learned.get(role)
    found = (*links.addresses.get(role, ()), *(learned.addresses if learned else ()))
    return tuple(dict.fromkeys(one.ip for one in found))
