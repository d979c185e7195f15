# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/routing``: static routes, policies, and what routers tell each other.

Policies send some packets another way; the last are the models of ``network.dynamic``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from patronus.core.link import RouteKind
from patronus.core.model import Section, Strict
from patronus.core.values import Address, Id, InterfaceId, MarkMatch, Name, Ports, Prefix
from patronus.network.dynamic.model import Bgp, Ospf, PrefixList

RouteMetric = Annotated[int, Field(ge=1, le=65535, strict=True)]
"""Which of several routes to one destination is taken: the smallest."""

Weight = Annotated[int, Field(ge=1, le=256, strict=True)]
"""A way's share of the connections, in proportion to the weights of the others."""


class Gateway(Strict):
    """One of several ways: a next router, the link of an interface, or a router behind an interface."""

    gateway: Address | None = Field(default=None, description="next router; left out: the link itself")
    interface: InterfaceId | None = Field(
        default=None, description="interface behind which it lies; left out: the one in whose subnet it is"
    )
    weight: Weight = Field(default=1, description="its share of the connections")


class StaticRoute(Strict):
    """What is sent to ``destination`` goes to a gateway, stands on an interface's link, or is refused."""

    id: Id = Field(description="stable name of the route")
    destination: Prefix = Field(description="where the packets go")
    type: RouteKind = Field(
        default="unicast", description="unicast: forward; blackhole, unreachable, prohibit: refuse"
    )
    gateway: Address | None = Field(default=None, description="next router; left out: the link itself")
    interface: InterfaceId | None = Field(
        default=None,
        description="interface behind which it lies; left out: the one in whose subnet it is",
    )
    gateways: tuple[Gateway, ...] = Field(
        default=(), max_length=16, description="several ways in place of one, each with its share"
    )
    metric: RouteMetric = Field(
        default=20, description="of several routes to a destination the smallest is taken"
    )
    enabled: bool = Field(default=True, description="false: as if it were not there")
    description: Name | None = Field(default=None, description="why it is there")


class RoutePolicy(Strict):
    """Sends what all of its conditions fit by gateways of its own; the first policy that fits decides."""

    id: Id = Field(description="stable name of the policy")
    source: Prefix | None = Field(default=None, description="where the packets come from")
    destination: Prefix | None = Field(default=None, description="where they go")
    interface: InterfaceId | None = Field(default=None, description="interface where they come in")
    protocol: Literal["tcp", "udp"] | None = Field(default=None, description="their protocol")
    ports: Ports | None = Field(default=None, description="their destination ports; needs a protocol")
    mark: MarkMatch | None = Field(default=None, description="the mark that they have before routing")
    gateways: tuple[Gateway, ...] = Field(
        default=(), max_length=16, description="where they go: one way, or several with their shares"
    )
    uplink: InterfaceId | None = Field(
        default=None, description="in place of gateways: the uplink by which they go while it is well"
    )
    over: Literal["default", "all"] = Field(
        default="default",
        description="default: in place of the default route; all: before the router's other routes too",
    )
    enabled: bool = Field(default=True, description="false: as if it were not there")
    description: Name | None = Field(default=None, description="why it is there")


class Routing(Strict):
    """Routes beside those of the interfaces: static ones, policies, BGP and OSPF."""

    routes: tuple[StaticRoute, ...] = Field(default=(), description="static routes")
    policies: tuple[RoutePolicy, ...] = Field(
        default=(), max_length=500, description="ways by source, interface, mark and more; the first decides"
    )
    prefix_lists: tuple[PrefixList, ...] = Field(
        default=(), max_length=200, description="which routes are meant, for BGP and OSPF to name"
    )
    bgp: Bgp | None = Field(default=None, description="BGP: routes from and to other networks")
    ospf: Ospf | None = Field(
        default=None, description="OSPF: IPv4 routes within a network of several routers"
    )
    ospf3: Ospf | None = Field(default=None, description="OSPFv3: the same for IPv6")


SECTION = Section("network/routing", Routing)
