# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of IPv4 inside addresses of IPv6, as translators between the two understand them (RFC 6052).

The four bytes follow the prefix; byte 8 of the address stays 0, and they go on behind it. Pure, without
pydantic: the DNS server needs it.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

LENGTHS = (32, 40, 48, 56, 64, 96)
"""Lengths that such a prefix may have, in bits (RFC 6052 section 2.2)."""
WELL_KNOWN = IPv6Network("64:ff9b::/96")
"""The prefix that everybody may use, for addresses of the public Internet alone (RFC 6052 section 3.1)."""
RESERVED = 8
"""The byte that stays 0."""


def embed(prefix: IPv6Network, address: IPv4Address) -> IPv6Address:
    """Return the address of IPv6 that stands for one of IPv4."""
    packed = bytearray(prefix.network_address.packed)
    for place, byte in zip(_places(prefix), address.packed, strict=True):
        packed[place] = byte
    return IPv6Address(bytes(packed))


def embed_network(prefix: IPv6Network, network: IPv4Network) -> IPv6Network:
    """Return what stands for a network of IPv4; all that follows its bits in the address is open."""
    first = embed(prefix, network.network_address)
    behind = prefix.prefixlen <= RESERVED * 8 < prefix.prefixlen + network.prefixlen
    return IPv6Network((first, prefix.prefixlen + network.prefixlen + (8 if behind else 0)))


def extract(prefix: IPv6Network, packed: bytes) -> IPv4Address | None:
    """Return the address of IPv4 that one of IPv6, 16 bytes, stands for; None for one of another prefix."""
    length = prefix.prefixlen // 8
    if packed[:length] != prefix.network_address.packed[:length] or packed[RESERVED]:
        return None
    return IPv4Address(bytes(packed[place] for place in _places(prefix)))


def _places(prefix: IPv6Network) -> tuple[int, ...]:
    """Return where in the address the four bytes stand."""
    start = prefix.prefixlen // 8
    return tuple(place for place in range(start, start + 5) if place != RESERVED)[:4]
