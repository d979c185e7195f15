# SPDX-License-Identifier: GPL-2.0-or-later
"""Routes to the prefixes that routers behind this one were given, from the events of DHCP. Pure.

A route lasts as long as the lease; over a restart it stands as it was, until DHCP says what there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from patronus.core.bus import Event
from patronus.core.route_table import MAIN_TABLE, NextHop, TableRoute
from patronus.network.dhcp.events import LeaseChanged, LeaseEntry, LeasesKnown

METRIC = 1024
"""Worse than a static route to the same prefix."""


@dataclass(frozen=True, order=True)
class Delegated:
    """A prefix of a router, behind its link-local address on a network; ``interface`` is a role."""

    prefix: IPv6Network
    interface: str
    via: IPv6Address


def taken_in(event: Event, known: frozenset[Delegated]) -> frozenset[Delegated]:
    """Return the prefixes that there are after an event."""
    if isinstance(event, LeasesKnown):
        return frozenset(one for lease in event.leases for one in _delegated(lease))
    if not isinstance(event, LeaseChanged):
        return known
    news = frozenset(_delegated(event.lease))
    gone = {one.prefix for one in news}
    others = frozenset(one for one in known if one.prefix not in gone)
    return others | news if event.action in {"granted", "renewed"} else others


def _delegated(lease: LeaseEntry) -> Iterator[Delegated]:
    if lease.via:
        yield Delegated(IPv6Network(lease.address), lease.interface, IPv6Address(lease.via))


def routes_to(delegated: frozenset[Delegated], devices: Mapping[str, str | None]) -> Iterator[TableRoute]:
    """Yield the routes; a network whose card is missing has none."""
    for one in sorted(delegated):
        device = devices.get(one.interface)
        if device is not None:
            yield TableRoute(MAIN_TABLE, one.prefix, (NextHop(device, one.via),), METRIC)


def as_data(delegated: frozenset[Delegated]) -> list[list[str]]:
    """Return the prefixes as JSON-ready data."""
    return [[str(one.prefix), one.interface, str(one.via)] for one in sorted(delegated)]


def from_data(data: Any) -> frozenset[Delegated]:
    """Return what ``as_data`` wrote; what is no prefix is left out."""
    found = set()
    for item in data if isinstance(data, list) else ():
        with suppress(ValueError, TypeError):
            prefix, interface, via = item
            found.add(Delegated(IPv6Network(prefix), str(interface), IPv6Address(via)))
    return frozenset(found)
