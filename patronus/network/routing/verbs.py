# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about routes: parameters and results of the verbs. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from patronus.core.control import Change
from patronus.core.link import RouteKind
from patronus.core.values import Address, Id, InterfaceId, Name, Prefix
from patronus.core.verb import Result
from patronus.network.routing.model import Gateway, RouteMetric


class RouteInfo(Result):
    """One configured route, and whether it stands."""

    id: str
    destination: str
    type: str
    gateway: str | None
    interface: str | None
    device: str | None = Field(description="the kernel's name of the device that it leads through")
    metric: int
    state: str = Field(description="active, reduced, waiting, off or missing; reduced: not by all its ways")
    ways: list[str] = Field(description="of a route with several gateways: those that stand now")
    reason: str | None = Field(description="why it waits, or why a way is left out")
    configuration: dict[str, Any]


class RouteList(Result):
    """Routes in the order of the file."""

    routes: list[RouteInfo]


class AddRoute(Change):
    """A route to add."""

    destination: Prefix
    type: RouteKind | None = None
    gateway: Address | None = None
    interface: InterfaceId | None = None
    gateways: tuple[Gateway, ...] | None = Field(
        default=None, max_length=16, description="several ways in place of one"
    )
    metric: RouteMetric | None = None
    enabled: bool | None = None
    description: Name | None = None


class ReplaceRoute(AddRoute):
    """A route's new content; its id stays."""

    id: Id


class RemoveRoute(Change):
    """Names a route."""

    id: Id
