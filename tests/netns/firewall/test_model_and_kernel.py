# SPDX-License-Identifier: GPL-2.0-or-later
"""The model's verdict is the kernel's: generated rule sets, real packets, every answer compared.

``PATRONUS_SEED`` and ``PATRONUS_RULE_SETS`` (default 12) choose the sample; the seed is in the test's name.
"""

from __future__ import annotations

import os
import select
import socket
from ipaddress import ip_address, ip_network
from random import Random

import pytest

from patronus.core.errors import InvalidConfiguration
from patronus.firewall.judge.verdict import IpAddress, Packet, judge
from patronus.firewall.model.flags import SYN
from patronus.firewall.optimise import fold, index
from patronus.firewall.policy import Policy
from patronus.firewall.table.ruleset import Keyed, Ways
from patronus.kernel.conntrack import Conntrack
from tests.netns.firewall.driver import Firewall
from tests.netns.firewall.generated import HOSTS, PORTS, ROUTER, Sent, files, packets
from tests.netns.lab import Lab, Namespace, say_urgency, settle

SEED = int(os.environ.get("PATRONUS_SEED", "1"))
RULE_SETS = int(os.environ.get("PATRONUS_RULE_SETS", "12"))
PACKETS = 120
NETWORKS = {
    ip_network("198.51.100.0/24"): "wan",
    ip_network("192.168.1.0/24"): "lan",
    ip_network("10.10.0.0/24"): "guest",
    ip_network("2001:db8:1::/64"): "wan",
    ip_network("fd00:1::/64"): "lan",
    ip_network("fd00:2::/64"): "guest",
}
Fate = str
"""``drop``, ``reject``, or where it came out: ``192.168.1.30 2003``."""


def route(address: IpAddress) -> str | None:
    if str(address) in ROUTER:
        return None
    return next(device for network, device in NETWORKS.items() if address in network)


class Ears:
    """Sockets on every address and port of every host and of the router, for UDP and TCP."""

    def __init__(self, lab: Lab) -> None:
        self.inboxes: dict[socket.socket, str] = {}
        self._listeners: list[socket.socket] = []
        places: list[tuple[Namespace, str]] = [(lab.router, item) for item in ROUTER]
        places += [(lab.hosts[name].namespace, item) for name, found in HOSTS.items() for item in found]
        for namespace, address in places:
            for port in PORTS:
                self._open(namespace, address, port)

    def _open(self, namespace: Namespace, address: str, port: int) -> None:
        version = 6 if ":" in address else 4
        inbox = namespace.socket(version, socket.SOCK_DGRAM)
        listener = namespace.socket(version, socket.SOCK_STREAM)
        inbox.bind((address, port))
        listener.bind((address, port))
        listener.listen(64)
        self.inboxes[inbox] = f"{address} {port}"
        self._listeners.append(listener)

    def heard(self) -> dict[bytes, str]:
        """Return payload → where it came out, and empty everything."""
        found = {}
        while ready := select.select(list(self.inboxes), [], [], 0)[0]:
            for inbox in ready:
                found[inbox.recv(100)] = self.inboxes[inbox]
        for listener in self._listeners:
            while select.select([listener], [], [], 0)[0]:
                listener.accept()[0].close()
        return found

    def close(self) -> None:
        for inbox in (*self.inboxes, *self._listeners):
            inbox.close()


@pytest.fixture
def crowd(lab: Lab) -> Lab:
    """A lab whose hosts have all addresses, know all ways, and are told of every refusal."""
    for name, addresses in HOSTS.items():
        for address in addresses:
            if address not in (lab.hosts[name].ipv4, lab.hosts[name].ipv6):
                lab.more_addresses(name, f"{address}/{64 if ':' in address else 24}")
    lab.acquaint()
    lab.router.sysctl("net.ipv4.icmp_ratelimit", "0")
    lab.router.sysctl("net.ipv4.icmp_msgs_per_sec", "100000")
    lab.router.sysctl("net.ipv4.icmp_msgs_burst", "100000")
    lab.router.sysctl("net.ipv6.icmp.ratelimit", "0")
    return lab


def kernel_says(lab: Lab, ears: Ears, sent: list[Sent]) -> list[Fate]:
    """Send all packets and return what became of each; what vanished is sent once more.

    A datagram may be lost for reasons of its own; a verdict to drop stays what it is.
    """
    fates = _once(lab, ears, sent)
    vanished = [number for number, fate in enumerate(fates) if fate == "drop"]
    for number, fate in zip(vanished, _once(lab, ears, [sent[n] for n in vanished]), strict=True):
        fates[number] = fate
    return fates


def _once(lab: Lab, ears: Ears, sent: list[Sent]) -> list[Fate]:
    """Send all packets, wait once, and return what became of each."""
    ears.heard()
    payloads = [os.urandom(16) for _ in sent]
    open_sockets = [_send(lab, item, payload) for item, payload in zip(sent, payloads, strict=True)]
    settle()
    heard = ears.heard()
    fates = []
    for item, outbox, payload in zip(sent, open_sockets, payloads, strict=True):
        fates.append(_fate(item, outbox, heard.get(payload)))
        outbox.close()
    return fates


def _send(lab: Lab, item: Sent, payload: bytes) -> socket.socket:
    kind = socket.SOCK_DGRAM if item.protocol == 17 else socket.SOCK_STREAM
    outbox = lab.hosts[item.host].namespace.socket(6 if ":" in item.source else 4, kind)
    outbox.setblocking(False)
    say_urgency(outbox, item.dscp)
    outbox.bind((item.source, 0))
    outbox.connect_ex((item.destination, item.port))
    if item.protocol == 17:
        try:
            outbox.send(payload)
        except OSError:
            return outbox
    return outbox


def _fate(item: Sent, outbox: socket.socket, came_out: str | None) -> Fate:
    if came_out is not None:
        return came_out
    if outbox.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return "reject"
    if item.protocol == 17:
        return "drop"
    try:
        outbox.getpeername()
    except OSError:
        return "drop"
    return "connected"


def model_says(policy: Policy, item: Sent) -> Fate:
    packet = Packet(
        arrives_on=item.host,
        source=ip_address(item.source),
        destination=ip_address(item.destination),
        protocol=item.protocol,
        destination_port=item.port,
        tcp_flags=SYN,
        dscp=item.dscp,
    )
    decision = judge(
        policy, packet, lambda one: route(one.destination), lambda one: route(one.source) == one.arrives_on
    )
    if decision.action != "allow":
        return str(decision.action)
    if item.protocol == 6:
        return "connected"
    if decision.forward is None:
        return f"{item.destination} {item.port}"
    address, port = decision.forward.arrives_at(packet.destination, item.port)
    return f"{address} {port}"


@pytest.mark.parametrize("seed", range(SEED, SEED + 1))
def test_model_and_kernel_agree_on_every_packet(
    crowd: Lab, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other rule set is folded, however short it is, half of them put into indexes as far as can be."""
    firewall, ears = Firewall(crowd), Ears(crowd)
    compared, branches, indexed, fates = 0, 0, 0, set()
    for number in range(RULE_SETS):
        random = Random(f"{seed}/{number}")
        monkeypatch.setattr(fold, "RUN", 2 if number % 2 else 48)
        monkeypatch.setattr(fold, "CELL", 1 if number % 2 else 12)
        monkeypatch.setattr(index, "WORTH", 1000 if number % 4 == 1 else 2)
        made = files(random)
        try:
            firewall.apply(**made)
        except InvalidConfiguration:
            continue
        assert firewall.running is not None
        branches += sum(isinstance(one, Ways) for one in firewall.running.ruleset.sets.values())
        indexed += sum(isinstance(one, Keyed) for one in firewall.running.ruleset.sets.values())
        forget(crowd)
        sent = packets(random, PACKETS)
        for item, fate in zip(sent, kernel_says(crowd, ears, sent), strict=True):
            expected = model_says(firewall.running.policy, item)
            assert fate == expected, f"rule set {number} of seed {seed}: {item}\n{made}"
            compared += 1
            fates.add(fate.partition(" ")[0])
    ears.close()
    assert compared >= PACKETS * RULE_SETS // 3
    assert branches >= RULE_SETS // 2
    assert indexed >= RULE_SETS // 6
    assert {"drop", "reject", "connected"} <= fates


def forget(lab: Lab) -> None:
    """End every connection, so that each packet is a first one, and all neighbours."""
    lab.router.run("ip", "neigh", "flush", "nud", "all")
    with lab.router:
        conntrack = Conntrack()
        for one in conntrack.tracked():
            conntrack.end(one.connection)
