# SPDX-License-Identifier: GPL-2.0-or-later
"""Fields of a packet as expressions: what loads one, and what compares it with a value, a range or a prefix.

What is not known here raises Unknown, as in nft_expressions.
Source: linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from patronus.kernel.nfnetlink import attribute, text
from patronus.kernel.nft_attributes import REGISTER, Unknown, expression, masked, value, word
from patronus.kernel.nft_sets import packed

EQUAL, NOT_EQUAL = 0, 1
_META = {"iifname": 6, "oifname": 7, "nfproto": 15, "l4proto": 16}
_NFPROTO = {"ipv4": 2, "ipv6": 10}
_NETWORK, TRANSPORT = 1, 2
PAYLOAD = {
    ("ip", "saddr"): (_NETWORK, 12, 4), ("ip", "daddr"): (_NETWORK, 16, 4),
    ("ip6", "saddr"): (_NETWORK, 8, 16), ("ip6", "daddr"): (_NETWORK, 24, 16),
    ("th", "sport"): (TRANSPORT, 0, 2), ("th", "dport"): (TRANSPORT, 2, 2),
    ("icmp", "type"): (TRANSPORT, 0, 1), ("icmpv6", "type"): (TRANSPORT, 0, 1),
    ("ip6", "hoplimit"): (_NETWORK, 7, 1),
}  # fmt: skip
"""(header, field) → base, offset and length in bytes."""
_INTERFACE_NAME = 16
NAMES = ("iifname", "oifname")


@lru_cache(maxsize=64)
def meta(key: str, register: int = REGISTER) -> bytes:
    """Return what loads something that the kernel knows of a packet."""
    return expression("meta", word(2, _META[key]), word(1, register))


def names(key: Any) -> tuple[str, ...]:
    """Return the names of interfaces that a key is made of, none where it is made of something else."""
    found = tuple(part["meta"]["key"] for part in key.get("concat", (key,)) if "meta" in part)
    return found if all(name in NAMES for name in found) else ()


def names_loaded(of: Sequence[str]) -> bytes:
    """Return what loads names of interfaces one behind the other."""
    return b"".join(meta(name, REGISTER + at) for at, name in enumerate(of))


def lookup(name: str, *more: bytes, register: int = REGISTER) -> bytes:
    """Return the question whether a set or map has what was loaded."""
    return expression("lookup", attribute(1, text(name.removeprefix("@"))), word(2, register), *more)


@lru_cache(maxsize=256)
def property_is(key: str, right: str | int) -> bytes:
    """Return the comparison of something that the kernel knows of a packet. Raises Unknown."""
    if key == "l4proto" and isinstance(right, int):
        return meta(key) + compare(EQUAL, bytes([right]))
    if key == "nfproto" and right in _NFPROTO:
        return meta(key) + compare(EQUAL, bytes([_NFPROTO[str(right)]]))
    if key in NAMES and isinstance(right, str) and not right.endswith("*"):
        return meta(key) + compare(EQUAL, right.encode().ljust(_INTERFACE_NAME, b"\0"))
    raise Unknown(f"meta {key}")


@lru_cache(maxsize=256)
def payload(base: int, offset: int, length: int, register: int = REGISTER) -> bytes:
    """Return what loads bytes of a header."""
    return expression("payload", word(1, register), word(2, base), word(3, offset), word(4, length))


def compare(op: int, data: bytes) -> bytes:
    """Return the comparison of what was loaded."""
    return _comparison(op, len(data)) + data + bytes(-len(data) % 4)


@lru_cache(maxsize=128)
def _comparison(op: int, length: int) -> bytes:
    """Return the expression up to its data; what stands before depends on their length alone."""
    whole = expression("cmp", word(1, REGISTER), word(2, op), value(3, bytes(length)))
    return whole[: len(whole) - length - -length % 4]


def between(first: bytes, last: bytes) -> bytes:
    """Return the question whether what was loaded is one of a range; both ends have the same length."""
    start, middle, padding = _range(len(first))
    return b"".join((start, first, padding, middle, last, padding))


@lru_cache(maxsize=16)
def _range(length: int) -> tuple[bytes, bytes, bytes]:
    """Return what stands before the first end, what between the two, and what fills each up."""
    padding = bytes(-length % 4)
    whole = expression(
        "range", word(1, REGISTER), word(2, EQUAL), *(value(at, bytes(length)) for at in (3, 4))
    )
    second = len(whole) - length - len(padding)
    middle = value(4, bytes(length))[: -length - len(padding)]
    return whole[: second - len(middle) - length - len(padding)], middle, padding


def is_port(offset: int, right: Any) -> bytes:
    """Return the comparison of a port with one or with a range. Raises Unknown."""
    if isinstance(right, int):
        return payload(TRANSPORT, offset, 2) + compare(EQUAL, right.to_bytes(2, "big"))
    if isinstance(right, dict) and "range" in right:
        first, last = right["range"]
        return payload(TRANSPORT, offset, 2) + between(first.to_bytes(2, "big"), last.to_bytes(2, "big"))
    raise Unknown("a set of ports")


def address_is(offset: int, length: int, right: Any) -> bytes:
    """Return the comparison of an address with one, a range or a prefix. Raises Unknown.

    Of a prefix that ends with a byte its bytes alone are looked at, as libnftables does it.
    """
    bits = right["prefix"]["len"] if isinstance(right, dict) and "prefix" in right else 0
    looked_at = bits // 8 if bits and bits % 8 == 0 else length
    return payload(_NETWORK, offset, looked_at) + is_address(length, right)


def is_address(length: int, right: Any) -> bytes:
    """Return the comparison of an address that was loaded with one, a range or a prefix. Raises Unknown."""
    if isinstance(right, str) and right[:1] != "@":
        return compare(EQUAL, packed(right, length))
    if isinstance(right, dict) and "range" in right:
        first, last = (packed(end, length) for end in right["range"])
        return between(first, last)
    if isinstance(right, dict) and "prefix" in right:
        return _is_in_prefix(packed(right["prefix"]["addr"], length), right["prefix"]["len"])
    raise Unknown("a set of addresses")


def _is_in_prefix(address: bytes, bits: int) -> bytes:
    if bits % 8 == 0 and bits:
        return compare(EQUAL, address[: bits // 8])
    length = len(address)
    mask = ((1 << bits) - 1) << (8 * length - bits)
    return masked(mask.to_bytes(length, "big"), bytes(length)) + compare(EQUAL, address)
