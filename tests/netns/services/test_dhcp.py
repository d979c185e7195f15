# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that no one here wrote get addresses from the real server, and do not where they should not."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from patronus.core.verb import Nothing
from patronus.kernel.sockets import arp_socket, sending_socket, udp_socket
from patronus.network.dhcp.arp import holder
from patronus.network.dhcp.codec import Code, Kind, Packet, decode, encode
from patronus.network.dhcp.verbs import RemoveLease
from tests.netns.lab import Namespace, connect
from tests.netns.services.network import DHCP, LONG_S, ROOT, USER, Router, wait_for

ONE: dict[str, Any] = {
    "pools": [{"id": "lan", "interface": "lan", "ranges": ["192.168.1.150"], "lease_time": "1h"}]
}
SETTLED = "02:00:00:00:00:99"
NOBODY: dict[str, object] = {"pools": []}
PATIENCE_S, BRIEFLY_S = 60, 4
"""How long a client asks that shall get an address, and one that shall get none."""


def udhcpc(namespace: Namespace, *options: str, patience_s: int = PATIENCE_S) -> str:
    """Ask with BusyBox's client and return the address it got, or nothing."""
    command = ["udhcpc", "-i", "eth0", "-f", "-n", "-q", "-t", str(patience_s), "-T", "1", "-s", "/bin/true"]
    command += options
    with namespace:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stderr.partition("lease of ")[2].partition(" ")[0]


def dhcpcd(namespace: Namespace, *options: str, patience_s: int = PATIENCE_S) -> str:
    """Ask with dhcpcd and return the address that it put on the device, or nothing."""
    command = ["timeout", str(patience_s), "dhcpcd", "-4", "-1", "-B", "-A", "-L"]
    command += ["--nodelay", "-c", "/bin/true"]
    command += [*options, "eth0"]
    with namespace:
        subprocess.run(command, capture_output=True, text=True, check=False, timeout=4 * PATIENCE_S)
    words = namespace.ip("-4 -o addr show dev eth0").split()
    address = words[words.index("inet") + 1].partition("/")[0] if "inet" in words else ""
    namespace.ip("addr flush dev eth0")
    return address


@pytest.mark.parametrize("client", [udhcpc, dhcpcd])
class TestClients:
    def test_a_client_gets_an_address_of_the_pool(self, router: Router, client: Callable[..., str]) -> None:
        router.apply()
        address = client(router.lan)
        assert address.startswith("192.168.1.1")
        assert [(lease.address, lease.state) for lease in router.leases()] == [(address, "active")]

    def test_without_a_pool_it_gets_none(self, router: Router, client: Callable[..., str]) -> None:
        router.apply()
        router.apply(dhcp=NOBODY)
        assert client(router.lan, patience_s=BRIEFLY_S) == ""

    def test_it_gets_the_same_again(self, router: Router, client: Callable[..., str]) -> None:
        router.apply()
        assert client(router.lan) == client(router.lan) != ""

    def test_a_reserved_address_goes_to_its_host_alone(
        self, router: Router, client: Callable[..., str]
    ) -> None:
        router.lan.ip("link set eth0 address 02:00:00:00:00:42")
        kept = {"id": "host", "mac": "02:00:00:00:00:42", "address": "192.168.1.20", "hostname": "host"}
        router.apply(dhcp={"pools": [{**DHCP["pools"][0], "reservations": [kept]}]})
        assert client(router.lan) == "192.168.1.20"
        router.lan.ip("link set eth0 address 02:00:00:00:00:43")
        assert client(router.lan) not in {"", "192.168.1.20"}


def test_a_host_that_boots_over_the_network_gets_the_file_of_its_class(router: Router) -> None:
    boot = {"next_server": "192.168.1.6", "boot_file": "pxelinux.0"}
    classes = [{"id": "uefi", "vendor": "PXEClient:Arch:00007", "options": {"boot_file": "boot.efi"}}]
    router.apply(dhcp={"pools": [{**DHCP["pools"][0], "options": boot, "classes": classes}]})
    told = router.dhcp_server.run.parent / "told"
    script = told.with_name("script")
    script.write_text(f'#!/bin/sh\n[ "$1" != bound ] || echo "$siaddr $boot_file" >> {told}\n')
    script.chmod(0o755)
    assert udhcpc(router.lan, "-s", str(script)) != ""
    assert udhcpc(router.lan, "-s", str(script), "-V", "PXEClient:Arch:00007:UNDI:003016") != ""
    assert told.read_text().split() == ["192.168.1.6", "pxelinux.0", "192.168.1.6", "boot.efi"]


BRANCH = {
    "id": "branch",
    "interface": "lan",
    "subnet": "10.9.0.0/24",
    "relays": ["10.9.0.1"],
    "ranges": ["10.9.0.100-10.9.0.199"],
}
RELAY = ("dnsmasq", "--keep-in-foreground", "--port=0", "--pid-file=", "--dhcp-relay=10.9.0.1,192.168.1.1")


@pytest.fixture
def branch(router: Router) -> Iterator[Namespace]:
    """Return a network behind the LAN, and between them the relay agent of dnsmasq."""
    made = Namespace()
    connect(router.lan, "branch0", made, "eth0")
    router.lan.ip("addr add 192.168.1.50/24 dev eth0")
    router.lan.ip("addr add 10.9.0.1/24 dev branch0")
    router.lan.sysctl("net.ipv4.ip_forward", "1")
    router.namespace.ip("route add 10.9.0.0/24 via 192.168.1.50")
    with router.lan:
        relay = subprocess.Popen(RELAY)
    yield made
    relay.kill()
    relay.wait()
    made.close()


def test_a_host_behind_a_relay_gets_an_address_of_its_network_where_the_relay_is_known(
    router: Router, branch: Namespace
) -> None:
    router.apply(dhcp={"pools": [DHCP["pools"][0], BRANCH]})
    assert udhcpc(branch).startswith("10.9.0.1")
    assert {lease.network for lease in router.leases()} == {"10.9.0.0/24"}
    router.apply()
    assert udhcpc(branch, patience_s=BRIEFLY_S) == ""
    assert router.ask_dhcp.status(ROOT, Nothing()).counters["dropped: no pool names this relay"] > 0


def another_client(namespace: Namespace, number: int) -> None:
    namespace.ip(f"link set eth0 address 02:00:00:00:01:{number:02x}")


def test_a_full_pool_gives_nothing_until_an_address_comes_back(router: Router) -> None:
    router.apply(dhcp=ONE)
    another_client(router.lan, 1)
    assert udhcpc(router.lan) == "192.168.1.150"
    another_client(router.lan, 2)
    assert udhcpc(router.lan, patience_s=BRIEFLY_S) == ""
    router.ask_dhcp.remove_lease(ROOT, RemoveLease.model_validate({"address": "192.168.1.150"}))
    assert udhcpc(router.lan) == "192.168.1.150"


def test_an_address_that_its_client_releases_goes_to_the_next(router: Router) -> None:
    router.apply(dhcp=ONE)
    another_client(router.lan, 1)
    script = router.dhcp_server.run.parent / "script"
    script.write_text('#!/bin/sh\n[ "$1" = bound ] && ip addr add $ip/24 dev $interface\nexit 0\n')
    script.chmod(0o755)
    with router.lan:
        command = ["udhcpc", "-i", "eth0", "-f", "-R", "-s", str(script)]
        client = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for(lambda: "192.168.1.150" in router.lan.ip("addr show dev eth0"))
    client.terminate()
    client.wait()
    wait_for(lambda: router.leases() == [])
    router.lan.ip("addr flush dev eth0")
    another_client(router.lan, 2)
    assert udhcpc(router.lan) == "192.168.1.150"


@pytest.fixture
def settled_host(router: Router) -> Iterator[Namespace]:
    """Return a host on the LAN that took 192.168.1.150 without asking."""
    made = Namespace()
    peer = f"/proc/{os.getpid()}/fd/{made.descriptor}"
    router.lan.ip(f"link add link eth0 name own0 netns {peer} address {SETTLED} type macvlan mode bridge")
    made.ip("link set own0 up")
    made.ip("addr add 192.168.1.150/24 dev own0")
    yield made
    made.close()


def test_an_address_that_somebody_uses_is_not_offered(router: Router, settled_host: Namespace) -> None:
    (pool,) = ONE["pools"]
    router.apply(dhcp=ONE)
    assert udhcpc(router.lan, patience_s=BRIEFLY_S) == ""
    assert [(lease.address, lease.mac, lease.state) for lease in router.leases()] == [
        ("192.168.1.150", SETTLED, "declined")
    ]
    assert router.ask_dhcp.status(ROOT, Nothing()).counters["found in use"] == 1
    router.ask_dhcp.remove_lease(ROOT, RemoveLease.model_validate({"address": "192.168.1.150"}))
    kept = {"id": "kept", "mac": "02:00:00:00:01:01", "address": "192.168.1.150"}
    router.apply(dhcp={"pools": [{**pool, "ranges": ["192.168.1.151"], "reservations": [kept]}]})
    another_client(router.lan, 1)
    assert udhcpc(router.lan) == "192.168.1.151"
    assert router.ask_dhcp.status(ROOT, Nothing()).counters["found in use"] == 2
    for lease in router.leases():
        router.ask_dhcp.remove_lease(ROOT, RemoveLease.model_validate({"address": lease.address}))
    router.apply(dhcp={"pools": [{**pool, "probe": False}]})
    assert udhcpc(router.lan) == "192.168.1.150"


def test_leases_outlive_a_server_that_is_killed(router: Router) -> None:
    router.apply()
    address = udhcpc(router.lan)
    before = router.leases()
    router.dhcp_server.kill()
    router.dhcp_server.start()
    router.settled()
    assert router.leases() == before
    another_client(router.lan, 9)
    assert udhcpc(router.lan, "-r", address) not in {"", address}


def test_a_device_that_is_plugged_in_again_is_served_again(router: Router) -> None:
    assert router.apply() == ["DHCP: serve 1 pools", "DNS: serve on 2 devices"]
    assert router.apply() == []
    router.namespace.ip("link del lan0")
    router.plug()
    assert udhcpc(router.lan, patience_s=BRIEFLY_S) == ""
    assert router.apply() != []
    assert udhcpc(router.lan) != ""


class Client:
    """A client of our own, for what real ones do not do: many hosts at once, broken packets."""

    def __init__(self, namespace: Namespace) -> None:
        with namespace:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")
            self.socket.bind(("", 68))
        self.socket.settimeout(2.0)

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, ("255.255.255.255", 67))

    def exchange(self, packet: Packet) -> Packet:
        """Send until the reply comes, as clients do: a datagram may be lost where queues are full."""
        for _ in range(10):
            self.send(encode(packet))
            try:
                while True:
                    reply = decode(self.socket.recv(2000))
                    if (reply.xid, reply.hardware) == (packet.xid, packet.hardware):
                        return reply
            except TimeoutError:
                continue
        raise AssertionError("no reply")

    def bind(self, number: int) -> int:
        """Take a host through the four messages and return its address."""
        hardware = bytes((2, 1, 1, 1, number >> 8, number & 255))
        ask = Packet(op=1, xid=number, hardware=hardware, flags=0x8000, options={Code.MESSAGE_TYPE: b"\1"})
        offer = self.exchange(ask)
        options: dict[int, bytes] = {
            Code.MESSAGE_TYPE: bytes((Kind.REQUEST,)),
            Code.SERVER_ID: offer.options[Code.SERVER_ID],
            Code.REQUESTED_ADDRESS: offer.yiaddr.to_bytes(4),
        }
        reply = self.exchange(
            Packet(op=1, xid=number + 70000, hardware=hardware, flags=0x8000, options=options)
        )
        assert reply.number(Code.MESSAGE_TYPE, 1) == Kind.ACK
        return reply.yiaddr


@pytest.fixture
def client(router: Router) -> Iterator[Client]:
    router.lan.ip("addr add 192.168.1.50/24 dev eth0")
    made = Client(router.lan)
    yield made
    made.socket.close()


def test_no_lease_is_lost_where_the_server_is_killed_as_the_ack_arrives(
    router: Router, client: Client
) -> None:
    router.apply()
    seen = set()
    for number in range(8):
        seen.add(client.bind(number))
        router.dhcp_server.kill()
        router.dhcp_server.start()
        router.settled()
    assert len(seen) == 8
    assert {lease.address for lease in router.leases()} == {
        socket.inet_ntoa(item.to_bytes(4)) for item in seen
    }


def test_the_server_holds_no_capability_and_another_user(router: Router) -> None:
    text = Path(f"/proc/{router.dhcp_server.process.pid}/status").read_text(encoding="ascii")
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert (fields["CapEff"], fields["CapPrm"], fields["CapBnd"]) == ("0" * 16,) * 3
    assert fields["Uid"].split() == [str(USER)] * 4


def receives(sock: socket.socket, router: Router) -> bool:
    """Return whether a packet socket bound to everything sees a ping."""
    sock.bind(("lan0", 0x0003))
    sock.settimeout(1.0)
    with router.lan:
        subprocess.run(["ping", "-c1", "-W1", "192.168.1.1"], check=False, capture_output=True)
    try:
        return bool(sock.recv(2000))
    except TimeoutError:
        return False


def test_the_socket_that_sends_frames_never_receives_any(router: Router) -> None:
    router.lan.ip("addr add 192.168.1.50/24 dev eth0")
    with router.namespace:
        passed = sending_socket("lan0")
        ordinary = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    assert not receives(passed, router)
    assert receives(ordinary, router)
    passed.close()
    ordinary.close()


def test_the_socket_that_hears_arp_hears_nothing_else(router: Router) -> None:
    router.lan.ip("addr add 192.168.1.50/24 dev eth0")
    with router.lan:  # so that nobody has to ask for the other's hardware address any more
        subprocess.run(["ping", "-c1", "-W1", "192.168.1.1"], check=True, capture_output=True)
    with router.namespace:
        passed = arp_socket("lan0")
    assert not receives(passed, router)
    router.namespace.ip("neigh flush dev lan0")
    passed.settimeout(LONG_S)
    with router.namespace:
        subprocess.run(["ping", "-c1", "-W1", "192.168.1.50"], check=False, capture_output=True)
    found = holder(passed.recv(2000))
    assert found is not None and found[0] == 0xC0A80132
    passed.close()


def test_a_socket_hears_its_own_device_alone(router: Router) -> None:
    with router.namespace:
        inbox = udp_socket("lan0", 6767)
    inbox.settimeout(1.0)
    for namespace, address, heard in ((router.wan, "203.0.113.2", False), (router.lan, "192.168.1.1", True)):
        if heard:
            namespace.ip("addr add 192.168.1.50/24 dev eth0")
        with namespace.socket(4, socket.SOCK_DGRAM) as outbox:
            outbox.sendto(b"x", (address, 6767))
        try:
            assert inbox.recv(10) == b"x"
            assert heard
        except TimeoutError:
            assert not heard
    inbox.close()
