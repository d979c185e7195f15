# SPDX-License-Identifier: GPL-2.0-or-later
"""Microseconds to decode and encode a DHCP message, against scapy; leases and their cost, against Kea.

Run as root in the test tree: ``python3 -m tests.bench.dhcp``. The message is a real client's DISCOVER with
its usual options; both must give it back byte for byte in what they understood.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from scapy.layers.dhcp import BOOTP, DHCP

from patronus.network.dhcp.codec import Code, Kind, Packet, decode, encode
from tests.bench.leases import measured
from tests.bench.rows import Row, compare, table, version, write

RUNS = 9
OURS, THEIRS = 5_000, 100
HARDWARE = bytes.fromhex("020000000001")
WANTED = bytes((1, 3, 6, 12, 15, 26, 42, 51, 58, 59))
MESSAGE = encode(
    Packet(
        op=1,
        xid=7,
        hardware=HARDWARE,
        options={
            Code.MESSAGE_TYPE: bytes((Kind.DISCOVER,)),
            Code.HOSTNAME: b"laptop",
            Code.MAXIMUM_SIZE: (1500).to_bytes(2),
            Code.PARAMETER_LIST: WANTED,
            Code.CLIENT_ID: b"\x01" + HARDWARE,
        },
    )
)


def timed_us(work: Callable[[], object], count: int) -> float:
    """Return the microseconds of one call, over ``count`` of them."""
    start = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - start) / count * 1e6


def through_ours() -> bytes:
    """Decode and encode with the server's codec."""
    return encode(decode(MESSAGE))


def through_scapy() -> bytes:
    """Decode every field with scapy and build the message again from the fields."""
    found = BOOTP(MESSAGE)
    fields = {name: found.getfieldval(name) for name in ("op", "xid", "flags", "chaddr", "giaddr")}
    return bytes(BOOTP(**fields) / DHCP(options=found[DHCP].options))


def measure() -> list[Row]:
    """Take both in turns."""
    assert decode(through_ours()) == decode(MESSAGE) == decode(through_scapy()), "not the same message"
    ours, theirs = [], []
    for _ in range(RUNS):
        ours.append(timed_us(through_ours, OURS))
        theirs.append(timed_us(through_scapy, THEIRS))
    peer = ("scapy", version("python3-scapy"), theirs)
    return [compare("dhcp-codec", "us", ours, *peer, goal=round(1 / 80, 4))]


def main() -> int:
    """Measure, print and write; 1 when the goal is missed."""
    rows = [*measure(), *measured()]
    print(table(rows))
    print(write("dhcp", rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
