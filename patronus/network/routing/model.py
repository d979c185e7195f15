# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/routing``: static routes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from patronus.core.link import RouteKind
from patronus.core.model import Section, Strict
from patronus.core.values import Address, Id, InterfaceId, Name, Prefix

RouteMetric = Annotated[int, Field(ge=1, le=65535, strict=True)]
"""Which of several routes to one destination is taken: the smallest."""


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
    metric: RouteMetric = Field(
        default=20, description="of several routes to a destination the smallest is taken"
    )
    enabled: bool = Field(default=True, description="false: as if it were not there")
    description: Name | None = Field(default=None, description="why it is there")


class Routing(Strict):
    """The routes of the router beside those of its interfaces."""

    routes: tuple[StaticRoute, ...] = Field(default=(), description="static routes")


SECTION = Section("network/routing", Routing)
