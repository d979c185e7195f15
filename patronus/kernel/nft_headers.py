# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of headers that are no whole field, or lie below IP: the class of service, the sender's MAC.

The class of service is the upper six of eight bits: in IPv4 a byte of its own, in IPv6 four bits behind the
version's. What is not known here raises Unknown, as in nft_expressions.
Source: linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from patronus.kernel.nft_attributes import REGISTER, Unknown, expression, masked, word

_LINK, _NETWORK = 0, 1
_IIFTYPE = 8
_ETHERNET = struct.pack("=H", 1)
"""ARPHRD_ETHER, in the host's order."""
_CLASS = {"ip": (1, 1, 0xFC, 2), "ip6": (0, 2, 0x0FC0, 6)}
"""Header → offset, length and bits of the class of service, and how far it is shifted."""
CLASS_KINDS = {"ip": "dscp", "ip6": "dscp6"}
"""Header → the kind of a set of classes."""
_MAC_BYTES = 6
_START = 2
"""Bytes at the header's start with the class in them; sums are over pairs of bytes."""
_SUM = (1, 10)
"""NFT_PAYLOAD_CSUM_INET, and where IPv4's sum lies (RFC 791 section 3.1)."""


def class_of(said: Mapping[str, Any]) -> str | None:
    """Return the header whose class of service this is, None for anything else."""
    field = said.get("payload", {})
    header = field.get("protocol")
    return header if header in _CLASS and field.get("field") == "dscp" else None


def class_loaded(protocol: str) -> bytes:
    """Return what loads the class of service, where its bits lie in the header."""
    offset, length, bits, _ = _CLASS[protocol]
    load = word(1, REGISTER), word(2, _NETWORK), word(3, offset), word(4, length)
    return expression("payload", *load) + masked(bits.to_bytes(length, "big"), bytes(length))


def class_bits(protocol: str, dscp: Any) -> int:
    """Return a class as it lies in the header. Raises Unknown."""
    if not isinstance(dscp, int) or isinstance(dscp, bool):
        raise Unknown(f"the class {dscp}")
    return dscp << _CLASS[protocol][3]


def class_data(protocol: str, dscp: Any) -> bytes:
    """Return a class as the bytes that it is compared with. Raises Unknown."""
    return class_bits(protocol, dscp).to_bytes(_CLASS[protocol][1], "big")


def classes(protocol: str, elements: Sequence[Any]) -> list[int]:
    """Return the elements of a set of classes. Raises Unknown."""
    return [class_bits(protocol, one) for one in elements]


def class_set(protocol: str, dscp: Any) -> bytes:
    """Return what gives a packet a class, and mends the sum over IPv4's header. Raises Unknown."""
    bits = class_bits(protocol, dscp)
    keep = 0xFFFF ^ _CLASS[protocol][2]
    place = word(2, _NETWORK), word(3, 0), word(4, _START)
    load = expression("payload", word(1, REGISTER), *place)
    change = masked(keep.to_bytes(_START, "big"), bits.to_bytes(_START, "big"))
    kind, at = _SUM if protocol == "ip" else (0, 0)
    written = word(5, REGISTER), *place, word(6, kind), word(7, at), word(8, 0)
    return load + change + expression("payload", *written)


def sender_loaded() -> tuple[bytes, bytes, bytes]:
    """Return what loads the link's type, the type of Ethernet, and what loads the sender's MAC."""
    kind = expression("meta", word(2, _IIFTYPE), word(1, REGISTER))
    place = word(1, REGISTER), word(2, _LINK), word(3, _MAC_BYTES), word(4, _MAC_BYTES)
    return kind, _ETHERNET, expression("payload", *place)


def mac_data(mac: Any) -> bytes:
    """Return a MAC as bytes. Raises Unknown."""
    parts = mac.split(":") if isinstance(mac, str) else []
    if len(parts) != _MAC_BYTES:
        raise Unknown(f"the MAC {mac}")
    return bytes(int(part, 16) for part in parts)
