# SPDX-License-Identifier: GPL-2.0-or-later
"""Random packets and blocklists: the program answers what the reference model answers.

PATRONUS_SOAK_PACKETS raises the count, PATRONUS_SEED changes the seed; both are printed on a difference.
"""

from __future__ import annotations

import os
import random
from collections import Counter as Tally
from ipaddress import IPv4Network, IPv6Address, IPv6Network

from patronus.kernel.bpf_codec import Prefix, Reason
from tests.bpf.conftest import XDP_DROP, XDP_PASS, Firewall
from tests.bpf.reference import judge

PACKETS = int(os.environ.get("PATRONUS_SOAK_PACKETS", "10000"))
SEED = int(os.environ.get("PATRONUS_SEED", "20251122"))
PACKETS_PER_LIST = 200

_KINDS = (0x0800, 0x0800, 0x0800, 0x86DD, 0x86DD, 0x86DD, 0x86DD, 0x0806)
_NEXT = (0, 6, 6, 17, 17, 43, 44, 50, 51, 58, 59, 60, 135, 200)


def address(source: random.Random, size: int) -> bytes:
    """An address from a small space, so that prefixes of all lengths hit and miss."""
    if size == 4:
        return bytes([203, 0, source.randrange(2) * 113, source.randrange(256)])
    start = bytes.fromhex(source.choice(["20010db8", "20010db9", "fe800000"]))
    return start + bytes(source.randrange(2) for _ in range(12))


def prefix(source: random.Random) -> Prefix:
    if source.random() < 0.5:
        length = source.choice([14, 20, 24, 25, 28, 30, 32, 32])
        return IPv4Network((address(source, 4), length), strict=False)
    length = source.choice([31, 32, 44, 48, 64, 96, 120, 128, 128])
    return IPv6Network((IPv6Address(address(source, 16)), length), strict=False)


def lies_in(inner: Prefix, outer: list[Prefix]) -> bool:
    ends = (inner.network_address, inner.broadcast_address)
    return any(all(end in each for end in ends) for each in outer if each.version == inner.version)


def ipv4(source: random.Random) -> bytes:
    words = source.choice([5, 5, 5, 6, 15, 4, 0])
    fragment = source.choice([0, 0, 0, 0x4000, 0x2000, 0x00B9])
    version = source.choice([4, 4, 4, 4, 4, 4, 5])
    head = bytes([version << 4 | words, 0, 0, 60, 0, 1]) + fragment.to_bytes(2, "big")
    head += bytes([64, source.choice([1, 6, 6, 17, 17, 47]), 0, 0])
    return head + address(source, 4) + address(source, 4) + bytes(max(words - 5, 0) * 4)


def extension(source: random.Random) -> bytes:
    length = source.choice([0, 0, 0, 1, 4, 40])
    offset = source.choice([0, 0, 1, 8, 6])
    head = bytes([source.choice(_NEXT), length]) + offset.to_bytes(2, "big")
    return head + source.randbytes(length * 8 + 4)


def long_chain(source: random.Random) -> bytes:
    """Small destination options, about as many as the program reads; the last one leads to UDP."""
    count = source.randrange(6, 12)
    return b"".join(bytes([60 if left else 17, 0]) + bytes(6) for left in reversed(range(count)))


def ipv6(source: random.Random) -> bytes:
    version = source.choice([6, 6, 6, 6, 6, 4])
    kind = source.choice(_NEXT)
    chain = b"".join(extension(source) for _ in range(source.choice([0, 0, 1, 2, 5, 12])))
    if kind == 60:
        chain = long_chain(source)
    head = bytes([version << 4, 0, 0, 0, 0, 60, kind, 64])
    return head + address(source, 16) + address(source, 16) + chain


def frame(source: random.Random) -> bytes:
    kind = source.choice(_KINDS)
    tags = source.choice([0, 0, 0, 0, 1, 1, 2, 3])
    types = [source.choice([0x8100, 0x88A8]) for _ in range(tags)] + [kind]
    data = source.randbytes(12) + types[0].to_bytes(2, "big")
    for inner in types[1:]:
        data += source.randbytes(2) + inner.to_bytes(2, "big")
    if kind == 0x0800:
        data += ipv4(source)
    elif kind == 0x86DD:
        data += ipv6(source)
    data += source.randbytes(source.choice([0, 7, 8, 19, 20, 40]))
    if source.random() < 0.1:
        data = data[: source.randrange(14, len(data) + 1)]
    return data


def test_random_packets_get_the_verdict_of_the_reference_model(firewall: Firewall) -> None:
    source = random.Random(SEED)
    tally: Tally[str] = Tally()
    for number in range(PACKETS):
        if number % PACKETS_PER_LIST == 0:
            blocked = [prefix(source) for _ in range(source.choice([2, 6, 30]))]
            never = [prefix(source) for _ in range(source.choice([0, 3]))]
            refused = firewall.bpf.blocklist_replace(blocked, never)
            assert set(refused) == {each for each in blocked if lies_in(each, never)}
            blocked = [each for each in blocked if each not in refused]
        packet = frame(source)
        expected = judge(packet, blocked, never)
        reason, run = firewall.judge(packet)
        where = f"seed {SEED} packet {number}: {packet.hex()} blocked {blocked} never {never}"
        assert reason is expected, where
        assert run.verdict == (XDP_DROP if expected.drops else XDP_PASS), where
        assert run.packet == packet, where
        tally[expected.name] += 1
    print(f"seed {SEED}:", dict(tally))
    floods = {Reason.DROP_SYN_FLOOD, Reason.DROP_UDP_FLOOD, Reason.DROP_ICMP_FLOOD}
    others = {Reason.PASS_CONNECTION, Reason.FORWARD, Reason.DROP_RULE, *floods}
    assert len(tally) == len(Reason) - len(others), "the generator no longer reaches every reason"
