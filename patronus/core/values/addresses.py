# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of IPv4, IPv6 and Ethernet, as ``ipaddress`` objects; a MAC is lower-case text with colons.

A prefix with host bits is refused, not masked: ``192.168.1.5/24`` may have meant the host or the network,
and a rule that guesses wrong is a hole. A lone address is a prefix of full length and is written back so.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Annotated, Any, TypeVar

from pydantic import PlainSerializer, PlainValidator

from patronus.core.values import metadata
from patronus.core.values.refusal import Refused, shown, text_of

_ADDRESS_ALLOWED = "an IPv4 or IPv6 address, such as 192.168.1.1 or fd00::1"
_PREFIX_ALLOWED = "an IPv4 or IPv6 prefix, such as 192.168.1.0/24 or fd00:1::/64, or one address"
_INTERFACE_ALLOWED = "an address with its prefix length, such as 192.168.1.1/24"
_RANGE_ALLOWED = "first-last, such as 192.168.1.100-192.168.1.199"
_MAC_ALLOWED = 'six bytes, such as "52:54:00:00:00:01"'
Network = TypeVar("Network", IPv4Network, IPv6Network)
_MAC = re.compile(r"[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}")


def parse_address(value: Any) -> IPv4Address | IPv6Address:
    """Return an address without a scope. Raises Refused."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    text = text_of(value, "an address", _ADDRESS_ALLOWED)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        hint = "leave out the prefix length" if "/" in text else None
        raise Refused(f"{shown(value)} is not an address", _ADDRESS_ALLOWED, hint) from None
    if isinstance(address, IPv6Address) and address.scope_id:
        raise Refused(f"{shown(value)} is not an address", _ADDRESS_ALLOWED, "leave out what follows %")
    return address


def ipv6_text(number: int) -> str:
    """Return an address as ``ipaddress`` writes it, in a fifth of the time but for those that end in IPv4's.

    Those lie in the first 2^48, and C writes their last bits with dots.
    """
    return inet_ntop(AF_INET6, number.to_bytes(16, "big")) if number >> 48 else str(IPv6Address(number))


def parse_ipv4_address(value: Any) -> IPv4Address:
    """Return an IPv4 address. Raises Refused."""
    address = parse_address(value)
    if not isinstance(address, IPv4Address):
        raise Refused(f"{shown(value)} is not an IPv4 address", "an IPv4 address, such as 192.168.1.1")
    return address


def parse_ipv6_address(value: Any) -> IPv6Address:
    """Return an IPv6 address. Raises Refused."""
    address = parse_address(value)
    if not isinstance(address, IPv6Address):
        raise Refused(f"{shown(value)} is not an IPv6 address", "an IPv6 address, such as fd00::1")
    return address


def parse_prefix(value: Any) -> IPv4Network | IPv6Network:
    """Return a prefix; host bits are refused, a lone address is one of full length. Raises Refused."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = text_of(value, "a prefix", _PREFIX_ALLOWED)
    if (plain := plain_prefix(text)) is not None:
        return plain
    _refuse_odd_lengths(value, text, "a prefix", _PREFIX_ALLOWED)
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise Refused(f"{shown(value)} is not a prefix", _PREFIX_ALLOWED, _prefix_hint(text)) from None


def plain_prefix(text: str) -> IPv4Network | IPv6Network | None:
    """Return what ``ipaddress`` makes of a plain prefix, in a quarter of the time; None for any other text.

    C reads the address, and what all prefixes of a length have in common is made once. The function ``hosts``
    that ``ipaddress`` gives each prefix of one address is left out: 250 bytes a rule.
    """
    address, slash, length = text.partition("/")
    alike = _alike(IPv6Network if ":" in address else IPv4Network, length if slash else None)
    if alike is None:
        return None
    try:
        number = int.from_bytes(inet_pton(alike.family, address), "big")
    except (OSError, ValueError):
        return None
    if number & alike.host_bits:
        return None
    network: Any = alike.kind.__new__(alike.kind)
    network.network_address = alike.single(number)
    network.netmask, network._prefixlen = alike.netmask, alike.length
    found: IPv4Network | IPv6Network = network
    return found


@dataclass(frozen=True, slots=True)
class _Alike:
    """What all prefixes of a length have in common."""

    kind: type[IPv4Network | IPv6Network]
    single: type[IPv4Address | IPv6Address]
    family: int
    netmask: IPv4Address | IPv6Address
    length: int
    host_bits: int


@lru_cache(maxsize=512)
def _alike(kind: type[IPv4Network | IPv6Network], length: str | None) -> _Alike | None:
    """Return what prefixes of a length have in common, without one those of an address; None for an odd one.

    Those of two addresses are left to ``ipaddress``, which gives them another ``hosts``.
    """
    most = 32 if kind is IPv4Network else 128
    text = str(most) if length is None else length
    bits = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1
    if not 0 <= bits <= most or bits == most - 1:
        return None
    whole = kind((0, bits))
    family = AF_INET if kind is IPv4Network else AF_INET6
    return _Alike(kind, type(whole.network_address), family, whole.netmask, bits, int(whole.hostmask))


def _refuse_odd_lengths(value: Any, text: str, what: str, allowed: str) -> None:
    """Refuse what ``ipaddress`` also reads: masks, 10.0.0.0/255.0.0.0, and scopes."""
    _, slash, length = text.partition("/")
    if "%" in text or (slash and not (length.isascii() and length.isdigit())):
        raise Refused(f"{shown(value)} is not {what}", allowed, _prefix_hint(text))


def _prefix_hint(text: str) -> str | None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return None if "%" in text else f"did you mean {network}?"


def write_prefix(prefix: IPv4Network | IPv6Network) -> str:
    """Return the prefix as a person writes it: one address without its length."""
    return str(prefix.network_address) if prefix.prefixlen == prefix.max_prefixlen else str(prefix)


def parse_address_with_prefix(value: Any) -> IPv4Interface | IPv6Interface:
    """Return an interface's address with its prefix length: ``192.168.1.1/24``. Raises Refused."""
    if isinstance(value, IPv4Interface | IPv6Interface):
        return value
    text = text_of(value, "an address with a prefix length", _INTERFACE_ALLOWED)
    _refuse_odd_lengths(value, text, "an address with a prefix length", _INTERFACE_ALLOWED)
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        raise Refused(f"{shown(value)} is not an address with a prefix length", _INTERFACE_ALLOWED) from None
    if "/" not in text:
        hint = f"did you mean {text}/{24 if interface.version == 4 else 64}?"
        raise Refused(f"{shown(value)} has no prefix length", _INTERFACE_ALLOWED, hint)
    _refuse_for_interface(interface)
    return interface


def _refuse_for_interface(interface: IPv4Interface | IPv6Interface) -> None:
    """Refuse a group's address and the two that a subnet keeps (RFC 1122 section 3.2.1.3)."""
    network = interface.network
    if interface.is_multicast or interface.is_unspecified:
        raise Refused(f"{interface} is not one host's address", _INTERFACE_ALLOWED)
    if interface.version == 4 and network.prefixlen < 31:
        if interface.ip == network.network_address:
            hint = f"did you mean {network.network_address + 1}/{network.prefixlen}?"
            raise Refused(f"{interface} is the network's own address", _INTERFACE_ALLOWED, hint)
        if interface.ip == network.broadcast_address:
            raise Refused(f"{interface} is the network's broadcast address", _INTERFACE_ALLOWED)


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses from ``first`` to ``last``, both included, of one family."""

    first: IPv4Address | IPv6Address
    last: IPv4Address | IPv6Address

    @property
    def size(self) -> int:
        """Return how many addresses there are."""
        return int(self.last) - int(self.first) + 1

    def __contains__(self, address: IPv4Address | IPv6Address) -> bool:
        return address.version == self.first.version and int(self.first) <= int(address) <= int(self.last)

    def overlaps(self, other: Range) -> bool:
        """Return whether the two have an address in common."""
        return other.first in self or self.first in other

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def parse_address_range(value: Any) -> Range:
    """Return a range ``first-last``; one address is a range of one. Raises Refused."""
    if isinstance(value, Range):
        return value
    text = text_of(value, "an address range", _RANGE_ALLOWED)
    left, dash, right = (part.strip() for part in text.partition("-"))
    try:
        first = ipaddress.ip_address(left)
        last = ipaddress.ip_address(right) if dash else first
    except ValueError:
        raise Refused(
            f"{shown(value)} is not an address range", _RANGE_ALLOWED, _range_hint(left, right)
        ) from None
    if first.version != last.version or "%" in text:
        raise Refused(f"{shown(value)} is not an address range", _RANGE_ALLOWED)
    if int(first) > int(last):
        raise Refused(
            f"{shown(value)} ends before it starts", _RANGE_ALLOWED, f"did you mean {last}-{first}?"
        )
    return Range(first, last)


def _range_hint(left: str, right: str) -> str | None:
    whole = left.rpartition(".")[0] + "." + right
    return f"did you mean {left}-{whole}?" if "." in left and right.isdigit() and int(right) < 256 else None


def parse_mac_address(value: Any) -> str:
    """Return one station's MAC as ``52:54:00:00:00:01``. Raises Refused for group addresses and zero."""
    text = text_of(value, "a MAC address", _MAC_ALLOWED).lower()
    if not _MAC.fullmatch(text):
        raise Refused(f"{shown(value)} is not a MAC address", _MAC_ALLOWED)
    text = text.replace("-", ":")
    if int(text[:2], 16) & 1 or text == "00:00:00:00:00:00":
        raise Refused(f"{text} is not one station's MAC address", _MAC_ALLOWED)
    return text


_TO_TEXT = PlainSerializer(str, return_type=str, when_used="json")
_V4 = r"[0-9]{1,3}(\.[0-9]{1,3}){3}"
_V6 = r"[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*"

Address = Annotated[
    IPv4Address | IPv6Address,
    PlainValidator(parse_address),
    _TO_TEXT,
    metadata.text(_ADDRESS_ALLOWED, "192.168.1.1", "fd00::1", pattern=f"{_V4}|{_V6}"),
]
"""An address of either family."""
Ipv4Address = Annotated[
    IPv4Address,
    PlainValidator(parse_ipv4_address),
    _TO_TEXT,
    metadata.text("an IPv4 address", "192.168.1.1", pattern=_V4),
]
"""An IPv4 address."""
Ipv6Address = Annotated[
    IPv6Address,
    PlainValidator(parse_ipv6_address),
    _TO_TEXT,
    metadata.text("an IPv6 address", "fd00::1", pattern=_V6),
]
"""An IPv6 address."""
Prefix = Annotated[
    IPv4Network | IPv6Network,
    PlainValidator(parse_prefix),
    PlainSerializer(write_prefix, return_type=str, when_used="json"),
    metadata.text(_PREFIX_ALLOWED, "192.168.1.0/24", "fd00:1::/64", pattern=f"({_V4}|{_V6})(/[0-9]{{1,3}})?"),
]
"""A prefix of either family, or one address."""
AddressWithPrefix = Annotated[
    IPv4Interface | IPv6Interface,
    PlainValidator(parse_address_with_prefix),
    _TO_TEXT,
    metadata.text(_INTERFACE_ALLOWED, "192.168.1.1/24", pattern=f"({_V4}|{_V6})/[0-9]{{1,3}}"),
]
"""An interface's address and the length of its subnet's prefix."""
AddressRange = Annotated[
    Range,
    PlainValidator(parse_address_range),
    _TO_TEXT,
    metadata.text(
        _RANGE_ALLOWED, "192.168.1.100-192.168.1.199", pattern=rf"({_V4}|{_V6})(\s*-\s*({_V4}|{_V6}))?"
    ),
]
"""Addresses from first to last."""
MacAddress = Annotated[
    str,
    PlainValidator(parse_mac_address),
    metadata.text(_MAC_ALLOWED, "52:54:00:00:00:01", pattern="[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}"),
]
"""One station's MAC."""
