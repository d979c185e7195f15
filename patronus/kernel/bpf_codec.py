# SPDX-License-Identifier: GPL-2.0-or-later
"""The structures of ``bpf/shared.h`` in Python: sizes and layouts are compared with BTF in tests/bpf.

Values are parsed here once: addresses are ``ipaddress`` objects, ports are ints, times are seconds of
CLOCK_MONOTONIC.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_IPV4 = 4

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network

COUNTER = struct.Struct("=QQQ")
FLOW_KEY_IPV4 = struct.Struct("=4s4s2s2sHBx")
FLOW_KEY_IPV6 = struct.Struct("=16s16s2s2sHBx")
FLOW_STATS = struct.Struct("=QQQB7x")
DROP_EVENT = struct.Struct("=QQIIHBB16s16s4x")
SETTINGS = struct.Struct("=IBB2x")
PREFIX_KEY = struct.Struct("=I16s")
RULE_KEY = struct.Struct("=IB3x16s")
RULE_INGRESS = struct.Struct("=I4s")
RULE_NODE = struct.Struct("=128sQI4x")
RULE_NUMBER = struct.Struct("=Q")
LIMIT = struct.Struct("=QQQI4x")
NEIGHBOUR = struct.Struct("=QI6s6x")

_MAPPED_IPV4 = bytes(10) + b"\xff\xff"
_NS_PER_S = 1e9
_LOW_BITS = 96


class Reason(IntEnum):
    """``enum reason``: the fate of a packet and why; each packet has exactly one."""

    PASS = 0
    PASS_NOT_IP = 1
    PASS_NEVER = 2
    PASS_FRAGMENT = 3
    PASS_MALFORMED = 4
    PASS_VLAN_DEPTH = 5
    PASS_EXTENSION_DEPTH = 6
    PASS_CONNECTION = 7
    FORWARD = 8
    DROP_BLOCK_IPV4 = 9
    DROP_BLOCK_IPV6 = 10
    DROP_RULE = 11
    DROP_SYN_FLOOD = 12
    DROP_UDP_FLOOD = 13
    DROP_ICMP_FLOOD = 14

    @property
    def drops(self) -> bool:
        """Whether packets of this reason are dropped."""
        return self >= Reason.DROP_BLOCK_IPV4


@dataclass(frozen=True)
class Settings:
    """``struct settings``: fixed at load. ``sample_every`` drops make one event on each CPU; 0 makes none.

    Where ``forwarding`` is off the verifier leaves out the part that sends open connections on.
    """

    sample_every: int = 1
    flow_table: bool = True
    forwarding: bool = False

    def pack(self) -> bytes:
        """Return the bytes of the section ``.rodata.settings``."""
        return SETTINGS.pack(self.sample_every, self.flow_table, self.forwarding)


@dataclass(frozen=True)
class Counter:
    """Packets and layer-2 bytes of one reason, and drop events that found the ring buffer full."""

    packets: int
    bytes: int
    events_lost: int


@dataclass(frozen=True)
class Flow:
    """One direction of a flow. Ports are 0 for fragments; ``last_seen_s`` is CLOCK_MONOTONIC."""

    source: Address
    destination: Address
    protocol: int
    source_port: int
    destination_port: int
    vlan_id: int
    packets: int
    bytes: int
    last_seen_s: float
    tcp_flags: int


@dataclass(frozen=True)
class DropEvent:
    """A sampled drop; ``time_s`` is CLOCK_MONOTONIC, ``rule`` the number of the rule or guard, or 0."""

    time_s: float
    rule: int
    ifindex: int
    vlan_id: int
    reason: Reason
    source: Address
    destination: Address
    bytes: int


def address_of(raw: bytes, family: int) -> Address:
    """Return the address in ``raw``; an IPv4 one stands in the first four bytes."""
    return IPv4Address(raw[:4]) if family == _IPV4 else IPv6Address(raw)


def counter_of(per_cpu: Sequence[bytes]) -> Counter:
    """Sum one counter over the CPUs."""
    return Counter(*(sum(column) for column in zip(*map(COUNTER.unpack, per_cpu), strict=True)))


def flow_of(key: bytes, per_cpu: Sequence[bytes]) -> Flow:
    """Return the flow of ``key`` (of either family), its numbers summed over the CPUs."""
    family = _IPV4 if len(key) == FLOW_KEY_IPV4.size else 6
    layout = FLOW_KEY_IPV4 if family == _IPV4 else FLOW_KEY_IPV6
    source, destination, source_port, destination_port, vlan_id, protocol = layout.unpack(key)
    stats = [FLOW_STATS.unpack(raw) for raw in per_cpu]
    flags = 0
    for entry in stats:
        flags |= entry[3]
    return Flow(
        source=address_of(source, family),
        destination=address_of(destination, family),
        protocol=protocol,
        source_port=int.from_bytes(source_port, "big"),
        destination_port=int.from_bytes(destination_port, "big"),
        vlan_id=vlan_id,
        packets=sum(entry[0] for entry in stats),
        bytes=sum(entry[1] for entry in stats),
        last_seen_s=max(entry[2] for entry in stats) / _NS_PER_S,
        tcp_flags=flags,
    )


def event_of(raw: bytes) -> DropEvent:
    """Return the drop event in ``raw``."""
    time_ns, rule, ifindex, size, vlan_id, reason, family, source, destination = DROP_EVENT.unpack(raw)
    return DropEvent(
        time_s=time_ns / _NS_PER_S,
        rule=rule,
        ifindex=ifindex,
        vlan_id=vlan_id,
        reason=Reason(reason),
        source=address_of(source, family),
        destination=address_of(destination, family),
        bytes=size,
    )


def trie_key(prefix: Prefix) -> bytes:
    """Return ``prefix`` as a key of a prefix trie; IPv4 stands as ::ffff:a.b.c.d (RFC 4291 2.5.5.2)."""
    raw = prefix.network_address.packed
    if isinstance(prefix, IPv4Network):
        return PREFIX_KEY.pack(_LOW_BITS + prefix.prefixlen, _MAPPED_IPV4 + raw)
    return PREFIX_KEY.pack(prefix.prefixlen, raw)


def rule_number(origin: str) -> int:
    """Return the number by which the data path names a rule: of ``rule/r-7f3a``, the same for ever, not 0."""
    return int.from_bytes(blake2b(origin.encode(), digest_size=RULE_NUMBER.size).digest(), "big") or 1
