# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes with several next hops or in tables of their own, and the rules that choose a table: values. Pure.

All of them carry our protocol number in the kernel, and by it alone they are told from those of others. The
numbers below are ours; rules and tables outside them, and those in them that others made, are never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Literal

from patronus.core.link import IpAddress, IpNetwork, RouteKind, RouteQuery
from patronus.core.values import Mark, PortRange

Family = Literal[4, 6]
FAMILIES: tuple[Family, ...] = (4, 6)
EVERYWHERE: Mapping[Family, IpNetwork] = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}
PROTOCOL = 80
"""What marks routes and rules as ours, rtnetlink(7): below 4 the kernel's, below 192 anybody's."""
MAIN_TABLE = 254

UPLINK_TABLES = 30000
"""The table of the first uplink; it has its networks and its default route."""
POLICY_TABLES = 30100
"""The table of the first policy that has gateways of its own."""

MOST_VRF_TABLE = 252
"""The tables of VRFs are from 1 to this, as the file says."""
REFUSES = 4278198272
"""The metric of what ends a search in a VRF's table; else the kernel goes on in the main one (vrf.rst)."""

MARKED = 10000
"""Connections stay on the uplink that they began on. Numbers of rules are priorities: lower ones first."""
OVER_ALL = 11000
"""Policies that are asked before the router's own routes."""
OWN_ROUTES = 12000
"""The router's own routes without the default ones."""
ANSWERS = 12100
"""What the router says with an uplink's address leaves by that uplink."""
OVER_DEFAULT = 13000
"""Policies that are asked in place of the default route."""
NUMBERED = 13900
"""What is sent with an address of an uplink's prefix leaves by that uplink, which alone carries it."""
LAST = 13999

UPLINK_BITS = 0x7F000000
"""The bits of a packet's and a connection's mark that hold the number of the uplink, from 1."""
_UPLINK_SHIFT = 24
MOST_UPLINKS = 16
MOST_POLICIES = 500


@dataclass(frozen=True, order=True)
class NextHop:
    """One way of a route. Of several, each gets its share of the connections: its weight, 1 to 256."""

    device: str
    gateway: IpAddress | None = None
    weight: int = 1

    def __str__(self) -> str:
        via = f"via {self.gateway} " if self.gateway else ""
        share = f" weight {self.weight}" if self.weight > 1 else ""
        return f"{via}on {self.device}{share}"


@dataclass(frozen=True)
class TableRoute:
    """A route of ours in a table; its hops in the order of their names, as the order says nothing.

    The weight of a single hop says nothing either: it is 1. One that refuses has no hops.
    """

    table: int
    destination: IpNetwork
    hops: tuple[NextHop, ...]
    metric: int = 1
    kind: RouteKind = "unicast"

    def __post_init__(self) -> None:
        ways = sorted(self.hops, key=str)
        only = len(ways) == 1
        object.__setattr__(self, "hops", (replace(ways[0], weight=1),) if only else tuple(ways))

    def __str__(self) -> str:
        where = "" if self.table == MAIN_TABLE else f" in table {self.table}"
        ways = ", ".join(map(str, self.hops)) if self.hops else self.kind
        return f"{self.destination} {ways}{where}"


@dataclass(frozen=True)
class Selector:
    """Which packets a rule is for; None is any. ``device`` is where they come in."""

    source: IpNetwork | None = None
    destination: IpNetwork | None = None
    device: str | None = None
    mark: Mark | None = None
    protocol: int | None = None
    ports: PortRange | None = None

    def fits(self, query: RouteQuery) -> bool:
        """Return whether this means a packet; what is not known of one fits nothing that is asked for."""
        return (
            (self.source is None or (query.source is not None and query.source in self.source))
            and (self.destination is None or query.destination in self.destination)
            and self.device in (None, query.arrives_on)
            and (self.mark is None or query.mark & self.mark.mask == self.mark.value & self.mark.mask)
            and self.protocol in (None, query.protocol)
            and (self.ports is None or query.destination_port in self.ports)
        )

    def __str__(self) -> str:
        words = [
            f"from {self.source}" if self.source else "",
            f"to {self.destination}" if self.destination else "",
            f"coming in at {self.device}" if self.device else "",
            f"marked {self.mark}" if self.mark else "",
            f"protocol {self.protocol}" if self.protocol else "",
            f"port {self.ports}" if self.ports else "",
        ]
        return " ".join(word for word in words if word) or "everything"


EVERYTHING = Selector()


@dataclass(frozen=True)
class RouteRule:
    """A rule of one family: what the selector means is looked up in a table.

    ``exact_only`` passes over the table's default routes.
    """

    family: Family
    priority: int
    table: int
    selector: Selector = field(default=EVERYTHING)
    exact_only: bool = False

    def __str__(self) -> str:
        return f"{self.priority}: IPv{self.family}, {self.selector}: table {self.table}"


def uplink_mark(number: int) -> Mark:
    """Return the mark of the connections of an uplink; its number counts from 1."""
    return Mark(number << _UPLINK_SHIFT, UPLINK_BITS)
