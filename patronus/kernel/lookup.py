# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the kernel would send a packet: one question to the routing tables for each address, remembered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from patronus.core.errors import KernelError
from patronus.core.link import Hop
from patronus.kernel.rtnetlink import IPRoute, NetlinkError

_LOCAL = 2
"""RTN_LOCAL in linux/rtnetlink.h: an address of this host."""


class Unreachable(LookupError):
    """No route leads there."""


class RouteLookup:
    """Answers from one socket; what was asked once is not asked again, so use it for one walk alone."""

    def __init__(self, route: Any) -> None:
        self._route = route
        self._known: dict[IPv4Address | IPv6Address, Hop] = {}
        self._names: dict[int, str] = {}

    def device(self, address: IPv4Address | IPv6Address) -> str | None:
        """Return the device by which an address is reached, None for the router's own. Raises Unreachable."""
        return self.hop(address).device

    def hop(self, address: IPv4Address | IPv6Address) -> Hop:
        """Return the next step to an address. Raises Unreachable."""
        if address not in self._known:
            self._known[address] = self._ask(address)
        return self._known[address]

    def _ask(self, address: IPv4Address | IPv6Address) -> Hop:
        try:
            answer = self._route.route("get", dst=str(address))
        except NetlinkError as error:
            raise Unreachable(f"no route to {address}") from error
        if not answer:
            raise Unreachable(f"no route to {address}")
        message = answer[0]
        if message["type"] == _LOCAL:
            return Hop(None)
        gateway, source = (message.get_attr(key) for key in ("RTA_GATEWAY", "RTA_PREFSRC"))
        return Hop(
            self._name(message.get_attr("RTA_OIF")),
            ip_address(gateway) if gateway else None,
            ip_address(source) if source else None,
        )

    def _name(self, index: int) -> str:
        if index not in self._names:
            self._names[index] = self._route.get_links(index)[0].get_attr("IFLA_IFNAME")
        return self._names[index]


@contextmanager
def route_lookup() -> Iterator[RouteLookup]:
    """Lend a lookup. Raises KernelError where rtnetlink cannot be had."""
    try:
        with IPRoute() as route:
            yield RouteLookup(route)
    except OSError as error:
        raise KernelError(f"cannot ask for routes: {error}") from error
