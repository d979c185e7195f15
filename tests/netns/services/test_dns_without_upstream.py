# SPDX-License-Identifier: GPL-2.0-or-later
"""The upstream goes in the middle of a stream of questions: what was answered before is answered on.

Names whose answers live for an hour, and such whose answers have ended meanwhile (RFC 8767).
"""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import dnslib
import pytest

from patronus.network.dns.config import LeaseName
from tests.netns.lab import Namespace
from tests.netns.services.network import LONG_S, Router, wait_for

COUNT = 40
HOURS, SECOND = 3600, 1
NAMES = {
    f"{kind}{number}.example": (f"198.51.100.{number + 1}", ttl_s)
    for kind, ttl_s in (("long", HOURS), ("short", SECOND))
    for number in range(COUNT)
}
WORLD = (
    "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces", "--pid-file=",
    "--user=root", "--listen-address=203.0.113.1",
    *(f"--host-record={name},{address},{ttl_s}" for name, (address, ttl_s) in NAMES.items()),
)  # fmt: skip


class Client:
    """A host on the LAN that remembers what it was told."""

    def __init__(self, lan: Namespace) -> None:
        with lan:
            self._end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._end.settimeout(LONG_S)
        self._end.connect(("192.168.1.1", 53))
        self._number = 0

    def ask(self, names: list[str]) -> dict[str, str]:
        """Ask for all names at once; return the address, or the code, that came for each."""
        asked: dict[int, str] = {}
        for name in names:
            self._number += 1
            asked[self._number] = name
            question = dnslib.DNSRecord.question(name)
            question.header.id = self._number
            self._end.send(question.pack())
        told: dict[str, str] = {}
        while len(told) < len(names):
            reply = dnslib.DNSRecord.parse(self._end.recv(4096))
            if reply.header.id in asked:
                code = str(dnslib.RCODE[reply.header.rcode])
                told[asked[reply.header.id]] = str(reply.rr[0].rdata) if reply.rr else code
        return told


@contextmanager
def leases_that_come_and_go(router: Router) -> Iterator[None]:
    """Tell the server of other leases all the while, as DHCP does where hosts come and go."""
    over = threading.Event()

    def tell() -> None:
        number = 0
        while not over.is_set():
            number = number % 200 + 1
            lease = LeaseName("192.168.1.0/24", f"c{number}", f"192.168.1.{number}", "host")
            router.dns._channel.call("SetLeases", {"leases": [asdict(lease)]})

    telling = threading.Thread(target=tell)
    telling.start()
    try:
        yield
    finally:
        over.set()
        telling.join()


def counters(router: Router) -> dict[str, int]:
    """Return what the server has counted."""
    found: dict[str, int] = router.dns._channel.call("Status")["counters"]
    return found


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP], ids=["gone", "silent"])
def test_what_was_answered_before_is_answered_without_the_upstream(
    router: Router, end: signal.Signals
) -> None:
    router.lan.ip("addr add 192.168.1.50/24 dev eth0")
    router.apply()
    client, expected = Client(router.lan), {name: address for name, (address, _) in NAMES.items()}
    with router.wan:
        world = subprocess.Popen(WORLD)
    try:
        first = next(iter(NAMES))
        wait_for(lambda: client.ask([first]) == {first: expected[first]})
        with leases_that_come_and_go(router):
            found = [client.ask([name]) for name in NAMES]
        assert {name: told for one in found for name, told in one.items()} == expected
        world.send_signal(end)
        if end == signal.SIGKILL:
            world.wait()
        wait_for(lambda: client.ask(["nobody-knows.example"]) == {"nobody-knows.example": "SERVFAIL"})

        def all_are_told() -> bool:
            assert client.ask(list(NAMES)) == expected
            return counters(router).get("stale", 0) >= COUNT

        wait_for(all_are_told)
        assert router.dns_server.stop() == 0
        router.dns_server.start()
        wait_for(lambda: client.ask([first]) == {first: expected[first]})
        wait_for(all_are_told)
    finally:
        world.kill()
        world.wait()
