# SPDX-License-Identifier: GPL-2.0-or-later
"""XDP and a shaper on one card: what XDP drops is never queued, and what it passes goes through the queue."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from patronus.firewall.early.plane import TWICE, EarlyPlane
from patronus.firewall.plan import FirewallPlan
from patronus.kernel.bpf_attach import Mode
from patronus.kernel.bpf_codec import Reason
from patronus.kernel.bpf_part import ASKED, ForwardingPart
from patronus.kernel.traffic import Traffic
from patronus.kernel.units import Units
from patronus.network.qos.difference import PHASES
from patronus.network.qos.model import Qos
from patronus.network.qos.plan import plan, setups
from patronus.network.qos.tree import Abilities
from tests.bpf.conftest import Firewall
from tests.netns.lab import Namespace, connect

NEAR, GOOD, BAD = "198.51.100.1", "198.51.100.8", "198.51.100.9"
PORT = 4000
ARRIVES_S = 60.0


@pytest.fixture
def ends() -> Iterator[tuple[Namespace, Namespace]]:
    """Lend a router's namespace, and a neighbour's with two addresses; neither says anything by itself."""
    near, far = Namespace(), Namespace()
    for one in (near, far):
        one.sysctl("net.ipv6.conf.default.disable_ipv6", "1")
    connect(near, "near", far, "far")
    near.ip(f"address add {NEAR}/24 dev near")
    for address in (GOOD, BAD):
        far.ip(f"address add {address}/24 dev far")
    mac = json.loads(near.ip("-json link show near"))[0]["address"]
    far.ip(f"neighbour replace {NEAR} lladdr {mac} dev far nud permanent")
    yield near, far
    near.close()
    far.close()


def shape(**numbers: str) -> None:
    """Bring the queues of this namespace to what a shaper of these numbers is; none without any."""
    traffic = Traffic()
    abilities = Abilities(traffic.knows("cake"), traffic.knows("fq_codel"))
    model = Qos.model_validate({"shapers": [{"id": "wan", **numbers}] if numbers else []})
    wanted = setups(plan(model, {"wan": "near"}), abilities)
    for phase in PHASES:
        for change in phase(wanted, traffic.look()):
            change.apply(traffic)


def queued() -> int:
    """Return how many packets the device for what arrives has let out."""
    root = Traffic().look()["ifb-wan"].root()
    assert root is not None
    return root.figures.packets


def test_xdp_drops_before_the_queue_and_passes_into_it(
    firewall: Firewall, ends: tuple[Namespace, Namespace]
) -> None:
    near, far = ends
    inbox = near.socket(4, socket.SOCK_DGRAM)
    inbox.settimeout(ARRIVES_S)
    inbox.bind((NEAR, PORT))
    outboxes = {address: far.socket(4, socket.SOCK_DGRAM) for address in (GOOD, BAD)}
    for address, outbox in outboxes.items():
        outbox.bind((address, 0))
    with near:
        shape(download="50mbit", upload="50mbit")
        assert firewall.bpf.attach("near").mode is Mode.NATIVE
        firewall.bpf.blocklist_replace([ip_network(f"{BAD}/32")], [])
        before, dropped = queued(), firewall.bpf.counters()[Reason.DROP_BLOCK_IPV4].packets
        for _ in range(5):
            outboxes[BAD].sendto(b"bad", (NEAR, PORT))
        outboxes[GOOD].sendto(b"good", (NEAR, PORT))
        assert inbox.recv(100) == b"good"
        assert firewall.bpf.counters()[Reason.DROP_BLOCK_IPV4].packets == dropped + 5
        assert queued() == before + 1
        firewall.bpf.blocklist_replace([], [])
        outboxes[BAD].sendto(b"bad", (NEAR, PORT))
        assert inbox.recv(100) == b"bad"
        assert queued() == before + 2
        assert firewall.bpf.counters()[Reason.PASS].packets == 2
        firewall.bpf.detach("near")
    for one in (inbox, *outboxes.values()):
        one.close()


def test_generic_xdp_stays_off_a_card_whose_packets_are_queued(
    firewall: Firewall, ends: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    near, _ = ends
    blocked = (ip_network(f"{BAD}/32"),)
    with near:
        part = ForwardingPart(tmp_path / ASKED, Units(), firewall.bpf.forwarding.asks_flow_table)
        plane = EarlyPlane(firewall.bpf, part)
        for queued in (frozenset[str](), frozenset({"lo", "near"}), frozenset[str]()):
            plane.bring(FirewallPlan(blocked=blocked, watched=("lo", "near"), queued=queued))
            modes = {one.device: (one.mode, one.reason) for one in plane.devices()}
            assert modes["near"] == ("native", "")
            assert modes["lo"][0] == ("off" if queued else "generic")
            assert (plane.fault == TWICE) == bool(queued)
            assert list(plane.differences()) == []
        plane.bring(FirewallPlan())
