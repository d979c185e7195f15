# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables of packet in → verdict, counter, packet out, through BPF_PROG_TEST_RUN."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.ipsec import AH
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from patronus.kernel.bpf_codec import Reason
from tests.bpf.conftest import XDP_DROP, XDP_PASS, Firewall

BAD4, GOOD4 = "203.0.113.7", "198.51.100.7"
BAD6, GOOD6 = "2001:db8:bad::7", "2001:db8:1::7"
BLOCKED = [ip_network("203.0.113.0/24"), ip_network("2001:db8:bad::/48")]

BLOCK4, BLOCK6 = Reason.DROP_BLOCK_IPV4, Reason.DROP_BLOCK_IPV6


def ipv4(source: str, **fields: Any) -> Any:
    return IP(src=source, dst="192.0.2.1", **fields)


def ipv6(source: str, **fields: Any) -> Any:
    return IPv6(src=source, dst="2001:db8:2::1", **fields)


def bytes_of(*layers: Any) -> bytes:
    packet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    for layer in layers:
        packet /= layer
    return bytes(packet)


# name, layers behind Ethernet for a source address, reason when the source is blocked, reason when not
Case = tuple[str, list[Any], list[Any], Reason, Reason]


def case4(name: str, outer: list[Any], upper: list[Any], passes: Reason = Reason.PASS, **ip: Any) -> Case:
    bad, good = [*outer, ipv4(BAD4, **ip), *upper], [*outer, ipv4(GOOD4, **ip), *upper]
    return name, bad, good, BLOCK4, passes


def case6(name: str, outer: list[Any], upper: list[Any], passes: Reason = Reason.PASS, **ip: Any) -> Case:
    return name, [*outer, ipv6(BAD6, **ip), *upper], [*outer, ipv6(GOOD6, **ip), *upper], BLOCK6, passes


CHAIN = [IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), IPv6ExtHdrRouting(addresses=["2001:db8::1"])]
CASES: list[Case] = [
    case4("tcp", [], [TCP()]),
    case4("udp", [], [UDP()]),
    case4("icmp", [], [ICMP()]),
    case4("options", [], [UDP()], options=[IPOption_Router_Alert()]),
    case4("vlan", [Dot1Q(vlan=30)], [TCP()]),
    case4("qinq", [Dot1AD(vlan=100), Dot1Q(vlan=30)], [TCP()]),
    case4("first-fragment", [], [UDP()], Reason.PASS_FRAGMENT, flags="MF"),
    case4("later-fragment", [], [Raw(b"x" * 8)], Reason.PASS_FRAGMENT, frag=3, proto=17),
    case4("protocol-253", [], [Raw(b"x" * 8)], proto=253),
    case4("tcp-cut-short", [], [Raw(b"x" * 8)], Reason.PASS_MALFORMED, proto=6),
    case4("udp-cut-short", [], [Raw(b"x" * 7)], Reason.PASS_MALFORMED, proto=17),
    case4("tcp-impossible-offset", [], [TCP(dataofs=4)], Reason.PASS_MALFORMED),
    case6("tcp6", [], [TCP()]),
    case6("icmp6", [], [ICMPv6EchoRequest()]),
    case6("vlan6", [Dot1Q(vlan=30)], [UDP()]),
    case6("extension-chain", [], [*CHAIN, TCP()]),
    case6("authentication", [], [AH(nh=6, payloadlen=4, spi=1, seq=1, icv=b"i" * 12), TCP()]),
    case6("fragment6", [], [IPv6ExtHdrFragment(m=1), UDP()], Reason.PASS_FRAGMENT),
    case6("later-fragment6", [], [*CHAIN, IPv6ExtHdrFragment(offset=9), Raw(b"x")], Reason.PASS_FRAGMENT),
    case6("atomic-fragment", [], [IPv6ExtHdrFragment(), UDP()]),
    case6("eight-extensions", [], [IPv6ExtHdrDestOpt() for _ in range(8)] + [UDP()]),
    case6("nine-extensions", [], [IPv6ExtHdrDestOpt() for _ in range(9)], Reason.PASS_EXTENSION_DEPTH),
    case6("extension-cut-short", [], [Raw(b"\x11\x05" + b"x" * 6)], Reason.PASS_MALFORMED, nh=60),
    case6("no-upper-layer", [], [], nh=59),
]


@pytest.mark.parametrize(("name", "bad", "good", "blocked", "passes"), CASES, ids=[c[0] for c in CASES])
def test_a_blocked_source_is_dropped_and_its_twin_passes(
    firewall: Firewall, name: str, bad: list[Any], good: list[Any], blocked: Reason, passes: Reason
) -> None:
    firewall.bpf.blocklist_replace(BLOCKED, [])
    bad_bytes, good_bytes = bytes_of(*bad), bytes_of(*good)
    reason, run = firewall.judge(bad_bytes)
    assert (reason, run.verdict) == (blocked, XDP_DROP)
    reason, run = firewall.judge(good_bytes)
    assert (reason, run.verdict, run.packet) == (passes, XDP_PASS, good_bytes)

    for prefix in BLOCKED:
        assert firewall.bpf.unblock(prefix)
    reason, run = firewall.judge(bad_bytes)
    assert (reason, run.verdict, run.packet) == (passes, XDP_PASS, bad_bytes)


NOT_JUDGED = [
    ("arp", bytes_of(ARP(psrc=BAD4)), Reason.PASS_NOT_IP),
    ("pppoe", bytes_of(Raw(b"x" * 20))[:12] + b"\x88\x64" + b"x" * 20, Reason.PASS_NOT_IP),
    ("three-tags", bytes_of(Dot1Q(vlan=1), Dot1Q(vlan=2), Dot1Q(vlan=3), ipv4(BAD4)), Reason.PASS_VLAN_DEPTH),
    ("tag-cut-short", bytes_of(Dot1Q(vlan=1))[:16], Reason.PASS_MALFORMED),
    ("ipv4-cut-short", bytes_of(ipv4(BAD4), TCP())[:33], Reason.PASS_MALFORMED),
    ("ipv4-options-missing", bytes_of(IP(src=BAD4, ihl=15, len=60)), Reason.PASS_MALFORMED),
    ("ipv4-small-header", bytes_of(ipv4(BAD4, ihl=4), TCP()), Reason.PASS_MALFORMED),
    ("ipv4-says-version-6", bytes_of(ipv4(BAD4, version=6), TCP()), Reason.PASS_MALFORMED),
    ("ipv6-cut-short", bytes_of(ipv6(BAD6), TCP())[:53], Reason.PASS_MALFORMED),
    ("ipv6-says-version-4", bytes_of(ipv6(BAD6, version=4), TCP()), Reason.PASS_MALFORMED),
    ("ethernet-alone", bytes_of(ipv4(BAD4))[:14], Reason.PASS_MALFORMED),
]


@pytest.mark.parametrize(("name", "packet", "reason"), NOT_JUDGED, ids=[c[0] for c in NOT_JUDGED])
def test_what_cannot_be_read_is_left_to_the_stack(
    firewall: Firewall, name: str, packet: bytes, reason: Reason
) -> None:
    firewall.bpf.blocklist_replace(BLOCKED, [])
    counted, run = firewall.judge(packet)
    assert (counted, run.verdict, run.packet) == (reason, XDP_PASS, packet)


def test_every_truncation_of_a_deep_packet_passes_or_is_dropped_by_its_source(firewall: Firewall) -> None:
    """Cut after each byte: never an abort; from the whole fixed IP header on, the source decides."""
    firewall.bpf.blocklist_replace(BLOCKED, [])
    deep = bytes_of(Dot1AD(vlan=1), Dot1Q(vlan=2), ipv6(BAD6), *CHAIN, IPv6ExtHdrFragment(), TCP())
    source_known = 14 + 4 + 4 + 40
    for size in range(14, len(deep) + 1):
        reason, _ = firewall.judge(deep[:size])
        assert reason is (BLOCK6 if size >= source_known else Reason.PASS_MALFORMED), size


def test_the_never_block_list_overrules_a_block_in_the_data_path(firewall: Firewall) -> None:
    never = [ip_network("203.0.113.128/25"), ip_network("2001:db8:bad:1::/64")]
    assert firewall.bpf.blocklist_replace(BLOCKED, never) == ()
    for source in ("203.0.113.130", "2001:db8:bad:1::9"):
        layer = ipv6(source) if ":" in source else ipv4(source)
        reason, run = firewall.judge(bytes_of(layer, TCP()))
        assert (reason, run.verdict) == (Reason.PASS_NEVER, XDP_PASS)
    assert firewall.judge(bytes_of(ipv4(BAD4), TCP()))[0] is BLOCK4
    firewall.bpf.blocklist_replace(BLOCKED, [])
    assert firewall.judge(bytes_of(ipv4("203.0.113.130"), TCP()))[0] is BLOCK4
    assert firewall.judge(bytes_of(ipv6("2001:db8:bad:1::9"), TCP()))[0] is BLOCK6
