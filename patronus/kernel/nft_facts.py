# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel knows of a packet's connection and way, as expressions: state, status, routes, TCP flags.

What is not known here raises Unknown, as in nft_expressions.
Source: linux/netfilter/nf_tables.h, nf_conntrack_common.h.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from patronus.kernel.nfnetlink import attribute
from patronus.kernel.nft_attributes import REGISTER, expression, masked, word
from patronus.kernel.nft_fields import EQUAL, NOT_EQUAL, TRANSPORT, compare, payload

_FIB_OIF, _FIB_TYPE = 1, 3
_FIB_SADDR, _FIB_DADDR, _FIB_IIF, _FIB_PRESENT = 1, 2, 8, 32
_LOCAL = 2
"""RTN_LOCAL: an address of this machine."""
_CT_STATE, _CT_STATUS = 0, 2
_KEPT, _DESTINATION_NAT = 1 << 3, 1 << 5
"""IPS_CONFIRMED and IPS_DST_NAT."""
_STATES = {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}
_ORIGINAL = {"ip daddr": (20, 4), "ip6 daddr": (22, 16)}
"""NFT_CT_DST_IP and NFT_CT_DST_IP6, and the length of an address."""
_FLAGS_AT = 13
"""The byte of TCP's header with its flags (RFC 9293 section 3.1)."""


@lru_cache(maxsize=64)
def _connection(key: int, *more: bytes) -> bytes:
    return expression("ct", word(2, key), word(1, REGISTER), *more)


@lru_cache(maxsize=16)
def is_in_state(states: tuple[str, ...]) -> bytes:
    """Return the question whether the connection is in one of these states."""
    bits = sum(_STATES[state] for state in states)
    return _connection(_CT_STATE) + _bits(bits, NOT_EQUAL)


def _bits(bits: int, op: int) -> bytes:
    """Return the comparison of some bits with none."""
    return masked(struct.pack("=I", bits), bytes(4)) + compare(op, bytes(4))


def asked_for(said: Mapping[str, Any]) -> tuple[bytes, int] | None:
    """Return what loads the destination before translation, and its length; None for anything else."""
    name = said.get("key", "")
    if name not in _ORIGINAL or said != {"key": name, "dir": "original"}:
        return None
    key, length = _ORIGINAL[name]
    return _connection(key, _FIRST_DIRECTION), length


def flags_are(mask: int, right: int) -> bytes:
    """Return the comparison of some of TCP's flags."""
    return _FLAGS_LOADED + masked(bytes([mask]), bytes(1)) + compare(EQUAL, bytes([right]))


_FIRST_DIRECTION = attribute(3, b"\0")
"""NFTA_CT_DIRECTION, IP_CT_DIR_ORIGINAL."""
FLAGS = {"payload": {"protocol": "tcp", "field": "flags"}}
_FLAGS_LOADED = payload(TRANSPORT, _FLAGS_AT, 1)
_WAY_BACK = word(3, _FIB_SADDR | _FIB_IIF | _FIB_PRESENT), word(2, _FIB_OIF), word(1, REGISTER)
_WHOSE = word(3, _FIB_DADDR), word(2, _FIB_TYPE), word(1, REGISTER)
WHOLE: tuple[tuple[Mapping[str, Any], bytes], ...] = (
    (
        {"op": "in", "left": {"ct": {"key": "status"}}, "right": "dnat"},
        _connection(_CT_STATUS) + _bits(_DESTINATION_NAT, NOT_EQUAL),
    ),
    (
        {"op": "==", "left": {"&": [{"ct": {"key": "status"}}, _KEPT]}, "right": 0},
        _connection(_CT_STATUS) + _bits(_KEPT, EQUAL),
    ),
    (
        {"op": "==", "left": {"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, "right": False},
        expression("fib", *_WAY_BACK) + compare(EQUAL, bytes(4)),
    ),
    (
        {"op": "==", "left": {"fib": {"result": "type", "flags": ["daddr"]}}, "right": "local"},
        expression("fib", *_WHOSE) + compare(EQUAL, struct.pack("=I", _LOCAL)),
    ),
)
"""Comparisons that are always the same."""
