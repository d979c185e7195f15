# SPDX-License-Identifier: GPL-2.0-or-later
"""What a DHCP client or a router's advertisement told us about an uplink."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from patronus.core.link import IpInterface


@dataclass(frozen=True)
class Learned:
    """What one uplink gave; empty was not given. ``prefixes`` are delegated ones (RFC 8415 section 6.3)."""

    addresses: tuple[IpInterface, ...] = ()
    gateway: IPv4Address | None = None
    dns_servers: tuple[IPv4Address | IPv6Address, ...] = ()
    domain: str | None = None
    prefixes: tuple[IPv6Network, ...] = ()
