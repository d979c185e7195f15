# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of the configured routes can stand now, and why others wait. Pure.

A route whose gateway cannot be reached yet (an uplink without a lease, a card that is pulled out) waits, and
comes with the address. It never keeps another route, nor the change it came with, from being applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from patronus.core.link import IpNetwork, Route
from patronus.network.routing.model import Routing, StaticRoute


@dataclass(frozen=True)
class Links:
    """What routes stand on: role → device, None where it is missing, and role → subnets."""

    devices: Mapping[str, str | None] = field(default_factory=dict)
    subnets: Mapping[str, tuple[IpNetwork, ...]] = field(default_factory=dict)


def standing(routing: Routing, links: Links) -> tuple[dict[str, Route], dict[str, str]]:
    """Return id → route of those that can stand, and id → reason of those that wait."""
    routes: dict[str, Route] = {}
    waiting: dict[str, str] = {}
    for item in routing.routes:
        if not item.enabled:
            continue
        found = _resolve(item, links)
        if isinstance(found, Route):
            routes[item.id] = found
        else:
            waiting[item.id] = found
    return routes, waiting


def _resolve(item: StaticRoute, links: Links) -> Route | str:
    if item.type != "unicast":
        return Route(item.destination, "", None, item.metric, item.type)
    role = item.interface or _behind(item, links)
    if role is None:
        return f"{item.gateway} is in no subnet that the router has now"
    device = links.devices.get(role)
    if device is None:
        return f"{role} has no device"
    if item.interface and not _reaches(item, links.subnets.get(role, ())):
        return f"{item.gateway} is in no subnet that {role} has now"
    return Route(item.destination, device, item.gateway, item.metric)


def _behind(item: StaticRoute, links: Links) -> str | None:
    """Return the first interface whose subnet the gateway is in."""
    found = (role for role, subnets in links.subnets.items() if _reaches(item, subnets))
    return next(found, None)


def _reaches(item: StaticRoute, subnets: tuple[IpNetwork, ...]) -> bool:
    gateway = item.gateway
    return gateway is None or gateway.is_link_local or any(gateway in subnet for subnet in subnets)
