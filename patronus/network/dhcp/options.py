# SPDX-License-Identifier: GPL-2.0-or-later
"""Options as the configuration has them to the bytes that clients get (RFC 2132, 3397, 3442, 8910). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from typing import Any

from patronus.network.dhcp.codec import Code, addresses
from patronus.network.dhcp.model import Options, StaticRoute
from patronus.network.dns.names import wire_name

_TABLE: tuple[tuple[str, Code, Callable[[Any], bytes]], ...] = (
    ("router", Code.ROUTER, lambda address: addresses([int(address)])),
    ("dns_servers", Code.DNS_SERVERS, lambda servers: addresses(map(int, servers))),
    ("domain_name", Code.DOMAIN_NAME, str.encode),
    ("domain_search", Code.DOMAIN_SEARCH, lambda names: b"".join(map(wire_name, names))),
    ("ntp_servers", Code.NTP_SERVERS, lambda servers: addresses(map(int, servers))),
    ("interface_mtu", Code.INTERFACE_MTU, lambda mtu: mtu.to_bytes(2)),
    ("captive_portal", Code.CAPTIVE_PORTAL, str.encode),
    ("tftp_server", Code.TFTP_SERVER, str.encode),
    ("boot_file", Code.BOOT_FILE, str.encode),
)


def given(options: Options, gateway: IPv4Address) -> Iterator[tuple[int, bytes]]:
    """Yield code and bytes of what is given; ``gateway`` is the router where none is."""
    for field, code, encode in _TABLE:
        value = getattr(options, field)
        if value:
            yield code, encode(value)
    if options.static_routes:
        yield Code.STATIC_ROUTES, _routes(options.static_routes, options.router or gateway)
    for raw in options.raw:
        yield raw.code, bytes.fromhex(raw.hex)


def _routes(routes: tuple[StaticRoute, ...], gateway: IPv4Address) -> bytes:
    """Return the routes, and the default one: a client that is told any takes no other (RFC 3442)."""
    parts = [b"\0" + gateway.packed]
    for route in routes:
        length = route.to.prefixlen
        parts.append(bytes((length,)) + route.to.network_address.packed[: -(-length // 8)] + route.via.packed)
    return b"".join(parts)
