# SPDX-License-Identifier: GPL-2.0-or-later
"""What the XDP firewall must answer, in plain Python from the RFCs: no line is shared with the C code."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from patronus.kernel.bpf_codec import Address, Prefix, Reason

_VLAN_TYPES = (0x8100, 0x88A8)
_EXTENSIONS = (0, 43, 44, 51, 60, 135)
_EXTENSIONS_MAX = 8
_FRAGMENT, _AUTHENTICATION = 44, 51


def _covers(prefixes: Sequence[Prefix], address: Address) -> bool:
    return any(address in prefix for prefix in prefixes if prefix.version == address.version)


def _upper_is_cut(protocol: int, rest: bytes) -> bool:
    if protocol == 6:
        return len(rest) < 20 or rest[12] >> 4 < 5
    return protocol == 17 and len(rest) < 8


def _ipv4(packet: bytes) -> tuple[Address, Reason] | None:
    """Return the source and the reason when no list speaks; None for an unreadable header."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    size = (packet[0] & 15) * 4
    if size < 20 or len(packet) < size:
        return None
    source = IPv4Address(packet[12:16])
    if int.from_bytes(packet[6:8], "big") & 0x3FFF:
        return source, Reason.PASS_FRAGMENT
    cut = _upper_is_cut(packet[9], packet[size:])
    return source, Reason.PASS_MALFORMED if cut else Reason.PASS


def _chain(kind: int, rest: bytes) -> Reason:
    for _ in range(_EXTENSIONS_MAX):
        if kind not in _EXTENSIONS:
            break
        if len(rest) < 8:
            return Reason.PASS_MALFORMED
        size = {_FRAGMENT: 8, _AUTHENTICATION: (rest[1] + 2) * 4}.get(kind, (rest[1] + 1) * 8)
        if kind == _FRAGMENT and int.from_bytes(rest[2:4], "big") & 0xFFF9:
            return Reason.PASS_FRAGMENT
        if len(rest) < size:
            return Reason.PASS_MALFORMED
        kind, rest = rest[0], rest[size:]
    if kind in _EXTENSIONS:
        return Reason.PASS_EXTENSION_DEPTH
    return Reason.PASS_MALFORMED if _upper_is_cut(kind, rest) else Reason.PASS


def _ipv6(packet: bytes) -> tuple[Address, Reason] | None:
    if len(packet) < 40 or packet[0] >> 4 != 6:
        return None
    return IPv6Address(packet[8:24]), _chain(packet[6], packet[40:])


def judge(frame: bytes, blocked: Sequence[Prefix], never: Sequence[Prefix]) -> Reason:
    """Return the reason under which ``frame`` (from the Ethernet header on) must be counted."""
    kind, rest = int.from_bytes(frame[12:14], "big"), frame[14:]
    for _ in range(2):
        if kind not in _VLAN_TYPES:
            break
        if len(rest) < 4:
            return Reason.PASS_MALFORMED
        kind, rest = int.from_bytes(rest[2:4], "big"), rest[4:]
    if kind in _VLAN_TYPES:
        return Reason.PASS_VLAN_DEPTH
    if kind not in (0x0800, 0x86DD):
        return Reason.PASS_NOT_IP
    found = _ipv4(rest) if kind == 0x0800 else _ipv6(rest)
    if found is None:
        return Reason.PASS_MALFORMED
    source, otherwise = found
    if not _covers(blocked, source):
        return otherwise
    if not _covers(never, source):
        return Reason.DROP_BLOCK_IPV4 if source.version == 4 else Reason.DROP_BLOCK_IPV6
    unreadable = (Reason.PASS_MALFORMED, Reason.PASS_EXTENSION_DEPTH)
    return otherwise if otherwise in unreadable else Reason.PASS_NEVER
