# SPDX-License-Identifier: GPL-2.0-or-later
"""A router of two cards, connections through it, and frames that are sent on or are the kernel's."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

MARKER = b"sent on or not"
SHORTEST = 60
"""Bytes of a frame to which a card fills up whatever is shorter."""
CARDS = {"near": "02:00:00:00:01:01", "far": "02:00:00:00:02:01"}
HOSTS = {"near": "02:00:00:00:01:02", "far": "02:00:00:00:02:02"}
SECOND = "02:00:00:00:02:03"
NEAR, MASKED, FAR, OUTER, BEHIND = "10.1.0.2", "10.1.0.3", "10.2.0.2", "10.2.0.1", "10.9.0.9"
NEAR6, MASKED6, FAR6, OUTER6 = "fd01::2", "fd01::3", "fd02::2", "fd02::1"
LINKS = [
    f"link set in0 address {CARDS['near']}",
    f"link set out0 address {CARDS['far']} mtu 1400",
    "address add 10.1.0.1/24 dev in0",
    f"address add {OUTER}/24 dev out0",
    "address add fd01::1/64 dev in0",
    f"address add {OUTER6}/64 dev out0",
    "route add 10.9.0.0/24 via 10.2.0.2",
    *(
        f"neigh add {one} lladdr {HOSTS['near']} dev in0 nud permanent"
        for one in (NEAR, MASKED, NEAR6, MASKED6)
    ),
    *(f"neigh add {one} lladdr {HOSTS['far']} dev out0 nud permanent" for one in (FAR, FAR6)),
    f"neigh add 10.2.0.3 lladdr {SECOND} dev out0 nud permanent",
]
RULES = f"""
table inet test {{
    flowtable open {{ hook ingress priority 0; devices = {{ in0, out0 }}; }}
    chain forward {{
        type filter hook forward priority 0; policy accept;
        udp dport 7 ct mark set 1
        ct state established ct mark 0 flow add @open
    }}
    chain before {{
        type nat hook prerouting priority -100;
        iifname out0 udp dport 8053 dnat ip to {NEAR}:5353
    }}
    chain after {{
        type nat hook postrouting priority 100;
        ip saddr {MASKED} masquerade
        ip6 saddr {MASKED6} masquerade
    }}
}}
"""


def ip(source: str, destination: str, **fields: Any) -> Packet:
    return (
        IPv6(src=source, dst=destination, **fields)
        if ":" in source
        else IP(src=source, dst=destination, **fields)
    )


def framed(side: str, *layers: Packet) -> bytes:
    packet: Packet = Ether(src=HOSTS[side], dst=CARDS[side])
    for layer in layers:
        packet = packet / layer
    return bytes(packet)


def tcp(source: int, destination: int, flags: str = "PA", **fields: Any) -> Packet:
    numbers = {"seq": 101, "ack": 501} if source > destination else {"seq": 501, "ack": 101}
    return TCP(sport=source, dport=destination, flags=flags, window=4000, **(numbers | fields))


def opened(near: str, far: str, port: int, shown: str | None = None) -> list[tuple[str, str]]:
    """A TCP connection to port 80; ``shown`` is the near end as the far one sees it."""
    there, back = ip(near, far), ip(far, shown or near)
    steps = (
        ("near", there, tcp(port, 80, "S", seq=100, ack=0)),
        ("far", back, tcp(80, port, "SA", seq=500)),
        ("near", there, tcp(port, 80, "A")),
        ("far", back, tcp(80, port, "A")),
        ("near", there, tcp(port, 80, "A")),
    )
    return [(side, framed(side, network, upper).hex()) for side, network, upper in steps]


def said(side: str, there: Packet, back: Packet) -> list[tuple[str, str]]:
    """A UDP connection, each way twice."""
    other = "far" if side == "near" else "near"
    return [(side, framed(side, there).hex()), (other, framed(other, back).hex())] * 2


LOAD = Raw(MARKER)
OPENINGS = [
    *opened(NEAR, FAR, 1000),
    *opened(NEAR, FAR, 1010),
    *opened(NEAR, FAR, 1011),
    *opened(NEAR, FAR, 1012),
    *opened(MASKED, FAR, 1002, OUTER),
    *opened(NEAR6, FAR6, 1004),
    *opened(MASKED6, FAR6, 1006, OUTER6),
    *opened(NEAR, BEHIND, 1008),
    *said("near", ip(NEAR, FAR) / UDP(sport=1001, dport=53), ip(FAR, NEAR) / UDP(sport=53, dport=1001)),
    *said("near", ip(NEAR, FAR) / UDP(sport=1007, dport=7), ip(FAR, NEAR) / UDP(sport=7, dport=1007)),
    *said("near", ip(MASKED, FAR) / UDP(sport=1009, dport=53), ip(FAR, OUTER) / UDP(sport=53, dport=1009)),
    *said("far", ip(FAR, OUTER) / UDP(sport=1003, dport=8053), ip(NEAR, FAR) / UDP(sport=5353, dport=1003)),
    *said("near", ip(NEAR6, FAR6) / UDP(sport=1005, dport=53), ip(FAR6, NEAR6) / UDP(sport=53, dport=1005)),
]
SENT_ON = {
    "TCP there": ("near", framed("near", ip(NEAR, FAR), tcp(1000, 80), LOAD)),
    "TCP back": ("far", framed("far", ip(FAR, NEAR), tcp(80, 1000), LOAD)),
    "the class and congestion bits": ("near", framed("near", ip(NEAR, FAR, tos=0xB9), tcp(1000, 80), LOAD)),
    "options of TCP": (
        "near",
        framed(
            "near",
            ip(NEAR, FAR),
            tcp(1000, 80, options=[("NOP", None), ("NOP", None), ("Timestamp", (7, 9))]),
            LOAD,
        ),
    ),
    "whatever its sum says": ("near", framed("near", ip(NEAR, FAR), tcp(1000, 80, chksum=0x1234), LOAD)),
    "the last hop but one": ("near", framed("near", ip(NEAR, FAR, ttl=2), tcp(1000, 80), LOAD)),
    "of its way's size": (
        "near",
        framed("near", ip(NEAR, FAR), tcp(1000, 80), Raw(MARKER.ljust(1360, b"x"))),
    ),
    "TCP by a gateway": ("near", framed("near", ip(NEAR, BEHIND), tcp(1008, 80), LOAD)),
    "TCP masqueraded": ("near", framed("near", ip(MASKED, FAR), tcp(1002, 80), LOAD)),
    "TCP masqueraded, back": ("far", framed("far", ip(FAR, OUTER), tcp(80, 1002), LOAD)),
    "UDP there": ("near", framed("near", ip(NEAR, FAR), UDP(sport=1001, dport=53), LOAD)),
    "UDP without a sum": ("near", framed("near", ip(NEAR, FAR), UDP(sport=1001, dport=53, chksum=0), LOAD)),
    "filled up to Ethernet's shortest": (
        "near",
        framed("near", ip(NEAR, FAR), UDP(sport=1001, dport=53), LOAD).ljust(SHORTEST, b"\0"),
    ),
    "UDP masqueraded": ("near", framed("near", ip(MASKED, FAR), UDP(sport=1009, dport=53), LOAD)),
    "UDP masqueraded without a sum": (
        "near",
        framed("near", ip(MASKED, FAR), UDP(sport=1009, dport=53, chksum=0), LOAD),
    ),
    "UDP to a forwarded port": ("far", framed("far", ip(FAR, OUTER), UDP(sport=1003, dport=8053), LOAD)),
    "UDP from a forwarded port": ("near", framed("near", ip(NEAR, FAR), UDP(sport=5353, dport=1003), LOAD)),
    "TCP over IPv6": ("near", framed("near", ip(NEAR6, FAR6, tc=0xB9, fl=77), tcp(1004, 80), LOAD)),
    "TCP over IPv6, back": ("far", framed("far", ip(FAR6, NEAR6), tcp(80, 1004), LOAD)),
    "TCP over IPv6 masqueraded": ("near", framed("near", ip(MASKED6, FAR6), tcp(1006, 80), LOAD)),
    "TCP over IPv6 masqueraded, back": ("far", framed("far", ip(FAR6, OUTER6), tcp(80, 1006), LOAD)),
    "UDP over IPv6": ("near", framed("near", ip(NEAR6, FAR6), UDP(sport=1005, dport=53), LOAD)),
}
LEFT = {
    "of no connection": ("near", framed("near", ip(NEAR, FAR), UDP(sport=4000, dport=53), LOAD)),
    "of a marked connection": ("near", framed("near", ip(NEAR, FAR), UDP(sport=1007, dport=7), LOAD)),
    "no hop left": ("near", framed("near", ip(NEAR, FAR, ttl=1), tcp(1000, 80), LOAD)),
    "no hop left in IPv6": ("near", framed("near", ip(NEAR6, FAR6, hlim=1), tcp(1004, 80), LOAD)),
    "options of IP": ("near", framed("near", ip(NEAR, FAR, options=[IPOption_NOP()]), tcp(1000, 80), LOAD)),
    "a header of IPv6 between": (
        "near",
        framed("near", ip(NEAR6, FAR6), IPv6ExtHdrDestOpt(), tcp(1004, 80), LOAD),
    ),
    "a first fragment": ("near", framed("near", ip(NEAR, FAR, flags="MF"), tcp(1000, 80), LOAD)),
    "a later fragment": ("near", framed("near", ip(NEAR, FAR, frag=9), tcp(1000, 80), LOAD)),
    "a tag of a VLAN": ("near", framed("near", Dot1Q(vlan=3), ip(NEAR, FAR), tcp(1000, 80), LOAD)),
    "too long for its way": (
        "near",
        framed("near", ip(NEAR, FAR), tcp(1000, 80), Raw(MARKER.ljust(1361, b"x"))),
    ),
    "too long for its way, not to be cut": (
        "near",
        framed("near", ip(NEAR, FAR, flags="DF"), tcp(1000, 80), Raw(MARKER.ljust(1361, b"x"))),
    ),
    "too long for its way in IPv6": (
        "near",
        framed("near", ip(NEAR6, FAR6), tcp(1004, 80), Raw(MARKER.ljust(1341, b"x"))),
    ),
    "more in the frame than in the packet": (
        "near",
        framed("near", ip(NEAR, FAR), tcp(1000, 80), LOAD) + bytes(9),
    ),
    "another SYN": ("near", framed("near", ip(NEAR, FAR), tcp(1010, 80, "S", seq=100, ack=0), LOAD)),
    "a FIN": ("near", framed("near", ip(NEAR, FAR), tcp(1011, 80, "FA"), LOAD)),
    "a RST": ("near", framed("near", ip(NEAR, FAR), tcp(1012, 80, "R"), LOAD)),
}
