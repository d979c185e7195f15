# SPDX-License-Identifier: GPL-2.0-or-later
"""Kea's perfdhcp against the real server: no lease is lost, none is given twice."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator

import pytest

from patronus.core.verb import Nothing
from patronus.network.dhcp.verbs import LeaseInfo
from patronus.network.dhcp6.codec import Code, Kind, decode, encode
from patronus.network.dhcp6.plan import SERVER_PORT
from patronus.network.dhcp6.service import ALL_SERVERS
from tests.netns.lab import Namespace
from tests.netns.services.network import DHCP, ROOT, Router, wait_for

POOL = {"id": "lan6", "interface": "lan", "ranges": ["::1000-::1fff"], "leases_per_mac": 4096}
SIX: dict[str, object] = {**DHCP, "ipv6_pools": [POOL]}
HOSTS = 60


def perfdhcp(namespace: Namespace, *options: str) -> dict[str, int]:
    """Let many hosts ask at once; return what was sent and received, by the names of the exchanges."""
    command = [
        "timeout",
        "60",
        "perfdhcp",
        "-6",
        "-l",
        "eth0",
        "-r",
        "30",
        "-R",
        str(HOSTS),
        "-n",
        str(HOSTS),
    ]
    wait_for(lambda: "tentative" not in namespace.ip("-6 address show dev eth0 scope link"))
    with namespace:
        found = subprocess.run([*command, *options, "all"], capture_output=True, text=True, check=False)
    counts = {name: int(count) for name, count in re.findall(r"(\w+ packets): (\d+)", found.stdout)}
    assert counts, found
    return counts


def leases6(router: Router) -> list[LeaseInfo]:
    return [lease for lease in router.leases() if ":" in lease.address]


def counters(router: Router) -> dict[str, int]:
    return router.ask_dhcp.status(ROOT, Nothing()).counters


def test_many_hosts_get_an_address_each_and_all_of_them_outlive_a_server_that_is_killed(
    router: Router,
) -> None:
    router.apply(dhcp=SIX)
    wait_for(lambda: "fe80" in router.lan.ip("-6 address show dev eth0 scope link"))
    assert perfdhcp(router.lan)["received packets"] > 0
    before = leases6(router)
    assert len({lease.address for lease in before}) == len({lease.client for lease in before}) == len(before)
    assert len(before) >= HOSTS // 2 and {lease.network for lease in before} == {"fd00:1::/64"}
    assert all(lease.address.startswith("fd00:1::1") for lease in before)
    router.dhcp_server.kill()
    router.dhcp_server.start()
    router.settled()
    assert leases6(router) == before


def test_without_a_pool_nobody_is_answered(router: Router) -> None:
    router.apply(dhcp=SIX)
    router.apply()
    assert router.ask_dhcp.status(ROOT, Nothing()).devices == ["lan0"]
    assert perfdhcp(router.lan, "-p", "2")["received packets"] == 0
    assert leases6(router) == []


class Client:
    """A client of our own, for what real ones do not do."""

    def __init__(self, namespace: Namespace) -> None:
        self.socket = namespace.socket(6, socket.SOCK_DGRAM)
        with namespace:
            self.index = socket.if_nametoindex("eth0")
            self.socket.bind(("::", 546))
        self.socket.settimeout(2.0)

    def send(self, data: bytes, to: str = ALL_SERVERS) -> None:
        self.socket.sendto(data, (to, SERVER_PORT, 0, self.index))

    def ask(self, duid: bytes) -> bytes:
        """Ask for the settings until they come; return our server's DUID."""
        for _ in range(30):
            self.send(encode(Kind.INFORMATION_REQUEST, 7, [(Code.CLIENT_ID, duid)]))
            try:
                found = decode(self.socket.recv(2000))
            except TimeoutError:
                continue
            if found.client == duid:
                return found.options[Code.SERVER_ID]
        raise AssertionError("no reply")


@pytest.fixture
def client(router: Router) -> Iterator[Client]:
    wait_for(lambda: "fe80" in router.lan.ip("-6 address show dev eth0 scope link"))
    made = Client(router.lan)
    yield made
    made.socket.close()


def test_what_is_sent_to_the_router_alone_is_told_to_ask_all(router: Router, client: Client) -> None:
    """A host that shouts is answered by every server; one that whispers has been told to by none."""
    router.apply(dhcp=SIX)
    client.ask(b"\0\4" + bytes(16))
    whole = router.namespace.ip("-6 -o address show dev lan0 scope link").split()
    router_address = whole[whole.index("inet6") + 1].partition("/")[0]
    client.send(encode(Kind.INFORMATION_REQUEST, 9, []), router_address)
    wait_for(lambda: counters(router).get("IPv6: dropped: not to all servers", 0) == 1)
