# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about routes: parameters and results of the verbs. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from patronus.core.link import RouteKind
from patronus.core.values import Address, Id, InterfaceId, Name, Prefix
from patronus.core.verb import Parameters, Result
from patronus.network.routing.model import RouteMetric


class RouteInfo(Result):
    """One configured route, and whether it stands."""

    id: str
    destination: str
    type: str
    gateway: str | None
    interface: str | None
    device: str | None = Field(description="the kernel's name of the device that it leads through")
    metric: int
    state: str = Field(description="active, waiting, off or missing")
    reason: str | None = Field(description="why it waits")
    configuration: dict[str, Any]


class RouteList(Result):
    """Routes in the order of the file."""

    routes: list[RouteInfo]


class Change(Parameters):
    """What every change of routes may say beside itself."""

    confirm_s: float | None = Field(
        default=None, ge=0, description="revert unless confirmed within so many seconds"
    )


class AddRoute(Change):
    """A route to add."""

    destination: Prefix
    type: RouteKind | None = None
    gateway: Address | None = None
    interface: InterfaceId | None = None
    metric: RouteMetric | None = None
    enabled: bool | None = None
    description: Name | None = None


class ReplaceRoute(AddRoute):
    """A route's new content; its id stays."""

    id: Id


class RemoveRoute(Change):
    """Names a route."""

    id: Id
