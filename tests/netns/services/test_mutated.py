# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that were good and are no more, by the ten thousand: each server lives, stays small and right.

After each hundred of them a host asks as hosts do, and has its answer. ``PATRONUS_MUTATED_PACKETS`` is how
many each server gets (the soak: 100,000), ``PATRONUS_SEED`` draws others.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import dnslib
import pytest

from patronus.core.verb import Nothing
from patronus.network.dhcp import codec
from patronus.network.dhcp6 import codec as codec6
from patronus.network.dhcp6.plan import SERVER_PORT
from patronus.network.dhcp6.service import ALL_SERVERS
from tests.netns.lab import Namespace
from tests.netns.services.network import DHCP, DNS, LONG_S, ROOT, Router, Server, wait_for

PACKETS = int(os.environ.get("PATRONUS_MUTATED_PACKETS", "10000"))
SEED = int(os.environ.get("PATRONUS_SEED", "20261127"))
BETWEEN = 100
"""Broken packets between two good ones."""
GROWTH_KIB = 8 * 1024
"""Of memory, once a tenth of the packets has filled what is bounded."""
SILENCE_S = 2.0
"""After which a host asks again."""
HOST_MAC, HOST_DUID = bytes.fromhex("aabbccddeeff"), bytes.fromhex("00040f1e2d3c4b5a69788796a5b4c3d2e1f0")
KEPT, KEPT6 = "192.168.1.20", "fd00:1::20"
POOLS: dict[str, Any] = {
    "pools": [
        {
            **DHCP["pools"][0],
            "options": {"boot_file": "pxelinux.0", "next_server": "192.168.1.6"},
            "classes": [{"id": "ipxe", "user": "iPXE", "options": {"boot_file": "menu.ipxe"}}],
            "reservations": [{"id": "host", "mac": HOST_MAC.hex(":"), "address": KEPT}],
        }
    ],
    "ipv6_pools": [
        {
            "id": "lan6",
            "interface": "lan",
            "ranges": ["::1000-::1fff"],
            "delegation": {"prefix": "2001:db8:4000::/48", "length": 60},
            "reservations": [{"id": "host6", "duid": HOST_DUID.hex(), "address": "::20"}],
        }
    ],
}
NAMES: dict[str, Any] = {**DNS, "rebind_protection": True}


class Breaker:
    """Makes packets that are broken in the ways that packets break, and some that nobody would send."""

    def __init__(self, good: Sequence[bytes]) -> None:
        self._good = good
        self._chance = random.Random(SEED)

    def packet(self) -> bytes:
        """Return a good packet with up to eight scratches."""
        data = bytearray(self._chance.choice(self._good))
        for _ in range(self._chance.randint(1, 8)):
            at = self._chance.randrange(len(data) + 1)
            kind = self._chance.randrange(10)
            if kind < 6 and at < len(data):
                data[at] = self._chance.choice(
                    (0, 1, 0x3F, 0x40, 0x7F, 0xC0, 0xFF, self._chance.randrange(256))
                )
            elif kind == 6:
                del data[at : at + self._chance.randint(1, 40)]
            elif kind == 7:
                data[at:at] = self._chance.randbytes(self._chance.randint(1, 40))
            elif kind == 8:
                data += data[at : at + 300]
            else:
                del data[at:]
        return bytes(data[:4000])


def memory_kib(server: Server) -> int:
    """Return the server's resident memory (proc_pid_status(5))."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


def endure(
    server: Server, good: Sequence[bytes], send: Callable[[bytes], object], ask: Callable[[], None]
) -> None:
    """Send broken packets to the server, and have good ones answered between them."""
    breaker, start_kib = Breaker(good), 0
    process = server.process.pid
    ask()
    for number in range(PACKETS):
        send(breaker.packet())
        if number % BETWEEN == 0:
            ask()
        if number == PACKETS // 10:
            start_kib = memory_kib(server)
    ask()
    assert (server.process.poll(), server.process.pid) == (None, process)
    assert memory_kib(server) - start_kib < GROWTH_KIB


def heard(end: socket.socket, question: Callable[[], object], fits: Callable[[bytes], bool]) -> bytes:
    """Ask until the reply that fits is there: a datagram may be lost where queues are full."""
    end.settimeout(SILENCE_S)
    limit = time.monotonic() + LONG_S
    while time.monotonic() < limit:
        question()
        try:
            while not fits(data := end.recv(4096)):
                pass
        except TimeoutError:
            continue
        return data
    raise AssertionError("no answer to a good packet")


def counted(router: Router, name: str) -> int:
    return router.ask_dhcp.status(ROOT, Nothing()).counters.get(name, 0)


@pytest.fixture
def host(router: Router) -> Namespace:
    """Return the LAN, in which a host has an address and a link-local one."""
    router.lan.ip("addr add 192.168.1.50/24 dev eth0")
    wait_for(lambda: "fe80" in router.lan.ip("-6 address show dev eth0 scope link"))
    wait_for(lambda: "tentative" not in router.lan.ip("-6 address show dev eth0 scope link"))
    router.apply(dhcp=POOLS, dns=NAMES)
    return router.lan


def requests4() -> list[bytes]:
    """Return each message that a client of DHCP may send, with what clients and relays put into it."""
    options: dict[int, bytes] = {
        codec.Code.HOSTNAME: b"laptop",
        codec.Code.CLIENT_FQDN: b"\4\0\0\6laptop\0",
        codec.Code.PARAMETER_LIST: bytes(range(1, 60)),
        codec.Code.REQUESTED_ADDRESS: IPv4Address("192.168.1.150").packed,
        codec.Code.VENDOR_CLASS: b"PXEClient:Arch:00007",
        codec.Code.USER_CLASS: b"\4iPXE",
        codec.Code.MAXIMUM_SIZE: b"\x05\xdc",
        codec.Code.CLIENT_ID: b"\1\2\0\0\0\0\1",
    }
    found = []
    for kind in (
        codec.Kind.DISCOVER,
        codec.Kind.REQUEST,
        codec.Kind.DECLINE,
        codec.Kind.RELEASE,
        codec.Kind.INFORM,
    ):
        for server, address in ((b"", 0), (IPv4Address("192.168.1.1").packed, 0), (b"", 0xC0A80196)):
            told = {codec.Code.MESSAGE_TYPE: bytes((kind,)), **options}
            if server:
                told[codec.Code.SERVER_ID] = server
            found.append(
                codec.encode(codec.Packet(1, 5, bytes((2, 0, 0, 0, 0, 1)), ciaddr=address, options=told))
            )
    return found


def test_dhcp_endures_broken_packets(router: Router, host: Namespace) -> None:
    with host.socket(4, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")
        end.bind(("", 68))
        numbers = iter(range(1, 1 << 31))

        def send(data: bytes) -> None:
            end.sendto(data, ("255.255.255.255", 67))

        def exchange(kind: codec.Kind, options: dict[int, bytes]) -> codec.Packet:
            given = {codec.Code.MESSAGE_TYPE: bytes((kind,)), **options}
            question = codec.Packet(1, next(numbers), HOST_MAC, flags=0x8000, options=given)
            mine = struct.pack("!I", question.xid), HOST_MAC
            return codec.decode(
                heard(
                    end, lambda: send(codec.encode(question)), lambda data: (data[4:8], data[28:34]) == mine
                )
            )

        def ask() -> None:
            offer = exchange(codec.Kind.DISCOVER, {})
            asked: dict[int, bytes] = {
                codec.Code.SERVER_ID: offer.options[codec.Code.SERVER_ID],
                codec.Code.REQUESTED_ADDRESS: offer.yiaddr.to_bytes(4),
            }
            given = exchange(codec.Kind.REQUEST, asked)
            assert given.number(codec.Code.MESSAGE_TYPE, 1) == codec.Kind.ACK
            assert offer.yiaddr == given.yiaddr == int(IPv4Address(KEPT))

        endure(router.dhcp_server, requests4(), send, ask)
    held = [IPv4Address(lease.address) for lease in router.leases() if ":" not in lease.address]
    assert len(held) == len(set(held))
    assert all(
        IPv4Address("192.168.1.100") <= one <= IPv4Address("192.168.1.199") or str(one) == KEPT
        for one in held
    )
    assert counted(router, "malformed") > 0
    assert counted(router, "failed") == 0


def requests6(server: bytes) -> list[bytes]:
    """Return each message that a client of DHCPv6 may send, and as an agent passes it on."""
    address = codec6.option(codec6.Code.IA_ADDRESS, IPv6Address("fd00:1::1005").packed + bytes(8))
    prefix = codec6.option(
        codec6.Code.IA_PREFIX, bytes(8) + bytes((60,)) + IPv6Address("2001:db8:4000::").packed
    )
    body = (
        codec6.option(codec6.Code.CLIENT_ID, b"\0\1\0\1" + bytes(4) + b"\2\0\0\0\0\1")
        + codec6.option(codec6.Code.OPTION_REQUEST, b"\0\x17\0\x18\0\x27\0\x38")
        + codec6.option(codec6.Code.CLIENT_FQDN, b"\1\6laptop\0")
        + codec6.option(codec6.Code.IA_NA, b"\0\0\0\1" + bytes(8) + address)
        + codec6.option(codec6.Code.IA_PD, b"\0\0\0\2" + bytes(8) + prefix)
    )
    named = codec6.option(codec6.Code.SERVER_ID, server)
    found = [bytes((kind, 1, 2, 3)) + body + more for kind in codec6.Kind for more in (b"", named)]
    head = bytes((codec6.Kind.RELAY_FORWARD, 0)) + bytes(32)
    head += codec6.option(codec6.Code.CLIENT_HARDWARE, bytes((0, 1, 2, 0, 0, 0, 0, 5)))
    return [*found, *(head + codec6.option(codec6.Code.RELAY_MESSAGE, one) for one in found)]


def test_dhcpv6_endures_broken_packets(router: Router, host: Namespace) -> None:
    with host.socket(6, socket.SOCK_DGRAM) as end:
        with host:
            index = socket.if_nametoindex("eth0")
            end.bind(("::", 546))
        numbers = iter(range(1, 1 << 24))

        def send(data: bytes) -> None:
            end.sendto(data, (ALL_SERVERS, SERVER_PORT, 0, index))

        def ask() -> bytes:
            number = next(numbers)
            wanted = [(codec6.Code.CLIENT_ID, HOST_DUID), (codec6.Code.IA_NA, bytes(12))]
            question = codec6.encode(codec6.Kind.SOLICIT, number, wanted)
            start = bytes((codec6.Kind.ADVERTISE, *number.to_bytes(3)))
            found = codec6.decode(heard(end, lambda: send(question), lambda data: data[:4] == start))
            assert [one.addresses for one in found.associations] == [(int(IPv6Address(KEPT6)),)]
            return found.options[codec6.Code.SERVER_ID]

        endure(router.dhcp_server, requests6(ask()), send, lambda: void(ask()))
    held = [lease.address for lease in router.leases() if ":" in lease.address]
    assert len(held) == len(set(held)) > 0
    assert all(address.startswith(("fd00:1::1", "2001:db8:4000:")) for address in held), held
    assert counted(router, "IPv6: malformed") > 0
    assert counted(router, "failed") == 0


def void(_: object) -> None:
    """Throw a result away."""


def questions() -> list[bytes]:
    """Return questions of many kinds, with what clients put behind them."""
    found = []
    for name, kind in (
        ("nas.home.arpa", "A"), ("nas.home.arpa", "AAAA"), ("nas.home.arpa", "ANY"), ("www.example", "A"),
        ("30.1.168.192.in-addr.arpa", "PTR"), ("big.example", "TXT"), ("x" * 60 + ".example", "HTTPS"),
    ):  # fmt: skip
        record = dnslib.DNSRecord.question(name, kind)
        found.append(bytes(record.pack()))
        options = [dnslib.EDNSOption(10, bytes(range(8))), dnslib.EDNSOption(8, b"\0\1\x18\0\xc0\xa8\1")]
        record.add_ar(dnslib.EDNS0(udp_len=1232, flags="do", opts=options))
        found.append(bytes(record.pack()))
    return found


def test_dns_endures_broken_packets(router: Router, host: Namespace) -> None:
    """What is asked is known, cached, and elsewhere; what comes back is read by another library."""
    with (
        router.upstream(),
        host.socket(4, socket.SOCK_DGRAM) as broken,
        host.socket(4, socket.SOCK_DGRAM) as end,
    ):
        end.connect(("192.168.1.1", 53))
        numbers = iter(range(1, 1 << 31))
        right = {"nas.home.arpa": "192.168.1.30", "www.example": "198.51.100.7"}

        def ask() -> None:
            for name, address in right.items():
                question = dnslib.DNSRecord.question(name)
                question.header.id = next(numbers) & 0xFFFF
                data, start = bytes(question.pack()), struct.pack("!H", question.header.id)
                answer = dnslib.DNSRecord.parse(
                    heard(end, lambda: end.send(data), lambda data: data[:2] == start)  # noqa: B023 - at once
                )
                assert [str(one.rdata) for one in answer.rr] == [address]

        endure(router.dns_server, questions(), lambda data: broken.sendto(data, ("192.168.1.1", 53)), ask)
    counters = router.ask_dns.status(ROOT, Nothing()).counters
    assert counters["malformed"] > 0
    assert counters.get("failed", 0) == 0
