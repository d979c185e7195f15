# SPDX-License-Identifier: GPL-2.0-or-later
"""Fields of a packet as expressions: what loads one, and what compares it with a value, a range or a prefix.

What is not known here raises Unknown, as in nft_expressions.
Source: linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    """Return the question whether what was loaded is one of a range."""
    return expression("range", word(1, REGISTER), word(2, EQUAL), value(3, first), value(4, last))


def ports(offset: int, right: Any) -> Iterator[bytes]:
    """Yield what compares a port with one or with a range. Raises Unknown."""
    yield payload(TRANSPORT, offset, 2)
    if isinstance(right, int):
        yield compare(EQUAL, right.to_bytes(2, "big"))
    elif isinstance(right, dict) and "range" in right:
        first, last = right["range"]
        yield between(first.to_bytes(2, "big"), last.to_bytes(2, "big"))
    else:
        raise Unknown("a set of ports")


def addresses(offset: int, length: int, right: Any) -> Iterator[bytes]:
    """Yield what compares an address with one, a range or a prefix. Raises Unknown."""
    if isinstance(right, dict) and "prefix" in right:
        yield from _prefix(offset, length, right["prefix"])
        return
    yield payload(_NETWORK, offset, length)
    yield is_address(length, right)


def is_address(length: int, right: Any) -> bytes:
    """Return the comparison of an address that was loaded with one, a range or a prefix. Raises Unknown."""
    if isinstance(right, str) and not right.startswith("@"):
        return compare(EQUAL, packed(right, length))
    if isinstance(right, dict) and "range" in right:
        first, last = (packed(end, length) for end in right["range"])
        return between(first, last)
    if isinstance(right, dict) and "prefix" in right:
        address, bits = packed(right["prefix"]["addr"], length), right["prefix"]["len"]
        if bits % 8 == 0 and bits:
            return compare(EQUAL, address[: bits // 8])
        return _masked(length, bits) + compare(EQUAL, address)
    raise Unknown("a set of addresses")


def _prefix(offset: int, length: int, prefix: Mapping[str, Any]) -> Iterator[bytes]:
    """Compare whole bytes alone where the prefix ends with one, as libnftables does."""
    bits = prefix["len"]
    whole = bits % 8 == 0 and bits
    yield payload(_NETWORK, offset, bits // 8 if whole else length)
    yield is_address(length, {"prefix": prefix})


def _masked(length: int, bits: int) -> bytes:
    mask = ((1 << bits) - 1) << (8 * length - bits)
    return masked(mask.to_bytes(length, "big"), bytes(length))
