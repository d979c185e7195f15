# SPDX-License-Identifier: GPL-2.0-or-later
"""Router advertisements on the wire: RFC 4861 section 4.2. Pure.

Routes are those of RFC 4191, names and servers of RFC 8106, the way to IPv4 of RFC 8781. The checksum
is left to the kernel, which knows both addresses.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

from patronus.network.dns.names import wire_name
from patronus.network.interfaces.onlink import SUBNET_LENGTH, OnLink

SOLICITATION, ADVERTISEMENT = 133, 134
HOP_LIMIT = 255
"""What arrives with it was forwarded by nobody (RFC 4861 section 6.1)."""
_HOPS = 64
_HEADER = struct.Struct("!BBHBBHII")
_MANAGED, _OTHER = 0x80, 0x40
_ON_LINK, _AUTONOMOUS = 0x80, 0x40
_SOLICITATION_LENGTH = 8
_TRANSLATORS = (96, 64, 56, 48, 40, 32)
"""Lengths of a translator's prefix by their code, and its lifetime: 13 bits of units (RFC 8781 section 4)."""
_LIFETIME_UNIT_S, _LONGEST_UNITS = 8, 8191


@dataclass(frozen=True)
class Advertisement:
    """One router advertisement. Lifetimes are seconds; 0 takes back what was said before.

    ``lifetime_s``  how long the router is a default router. ``mac`` is the sender's, 6 bytes.
    ``routes``, ``servers``, ``domains`` and ``translators`` (prefixes that lead to IPv4) hold pairs of a
    thing and its lifetime. ``managed`` and ``other``: DHCPv6 has addresses, and settings.
    """

    mac: bytes
    lifetime_s: int = 0
    mtu: int | None = None
    prefixes: tuple[OnLink, ...] = ()
    routes: tuple[tuple[IPv6Network, int], ...] = ()
    servers: tuple[tuple[IPv6Address, int], ...] = ()
    domains: tuple[tuple[str, int], ...] = ()
    translators: tuple[tuple[IPv6Network, int], ...] = ()
    managed: bool = False
    other: bool = False

    def encode(self) -> bytes:
        """Return the ICMPv6 message, with a checksum of 0."""
        flags = (_MANAGED if self.managed else 0) | (_OTHER if self.other else 0)
        header = _HEADER.pack(ADVERTISEMENT, 0, 0, _HOPS, flags, self.lifetime_s, 0, 0)
        return header + b"".join(self._options())

    def _options(self) -> Iterator[bytes]:
        yield _option(1, self.mac)
        if self.mtu is not None:
            yield _option(5, struct.pack("!HI", 0, self.mtu))
        yield from map(_prefix, self.prefixes)
        for network, lifetime_s in self.routes:
            head = struct.pack("!BBI", network.prefixlen, 0, lifetime_s)
            yield _option(24, head + network.network_address.packed[: 8 if network.prefixlen <= 64 else 16])
        for server, lifetime_s in self.servers:
            yield _option(25, struct.pack("!HI", 0, lifetime_s) + server.packed)
        for domain, lifetime_s in self.domains:
            yield _option(31, struct.pack("!HI", 0, lifetime_s) + wire_name(domain))
        for prefix, lifetime_s in self.translators:
            scaled = min(-(-lifetime_s // _LIFETIME_UNIT_S), _LONGEST_UNITS)
            head = struct.pack("!H", scaled << 3 | _TRANSLATORS.index(prefix.prefixlen))
            yield _option(38, head + prefix.network_address.packed[:12])


def _option(kind: int, body: bytes) -> bytes:
    """Return an option of RFC 4861 section 4.6, filled up to whole units of 8 bytes."""
    units = (2 + len(body) + 7) // 8
    return bytes((kind, units)) + body.ljust(units * 8 - 2, b"\0")


def _prefix(one: OnLink) -> bytes:
    flags = _ON_LINK | (_AUTONOMOUS if one.prefix.prefixlen == SUBNET_LENGTH else 0)
    head = struct.pack("!BBIII", one.prefix.prefixlen, flags, one.valid_s, one.preferred_s, 0)
    return _option(3, head + one.prefix.network_address.packed)


def is_solicitation(message: bytes, hop_limit: int) -> bool:
    """Return whether a host asks for an advertisement: the tests of RFC 4861 section 6.1.1."""
    if hop_limit != HOP_LIMIT or len(message) < _SOLICITATION_LENGTH:
        return False
    return message[0] == SOLICITATION and message[1] == 0 and _is_whole(message[_SOLICITATION_LENGTH:])


def _is_whole(options: Sequence[int]) -> bool:
    """Return whether every option has a length, and ends within the message."""
    at = 0
    while at < len(options):
        if at + 1 == len(options) or options[at + 1] == 0:
            return False
        at += options[at + 1] * 8
    return at == len(options)
