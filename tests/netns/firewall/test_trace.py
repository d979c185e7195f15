# SPDX-License-Identifier: GPL-2.0-or-later
"""Real packets are followed through nftables: what fitted, what decided, and nothing stays behind."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from patronus.core.errors import Conflict, InvalidRequest
from patronus.core.verb import Caller, Role
from patronus.firewall.verbs.trace import TracedPacket, TracePackets, TraceVerbs
from patronus.kernel.nft_trace import tracing
from tests.netns.firewall.driver import Firewall
from tests.netns.lab import Host, Lab

ANNA = Caller("anna", Role.OPERATOR)
RULES = """rules:
  - {id: r-count, from: guest, to: lan, action: count}
  - {id: r-drop, from: guest, to: lan, protocol: udp, destination_port: 5001, action: drop}
"""
NAT = "nat:\n  - {id: n-1, type: masquerade, out: wan, family: both}\n"


@pytest.fixture
def firewall(lab: Lab) -> Firewall:
    made = Firewall(lab)
    made.apply(rules=RULES, nat=NAT)
    return made


@contextmanager
def sending(host: Host, to: str, port: int) -> Iterator[None]:
    """Send datagrams again and again, each the first of a connection of its own."""
    done = threading.Event()

    def send() -> None:
        while not done.wait(0.05):
            with host.namespace.socket(6 if ":" in to else 4, socket.SOCK_DGRAM) as outbox:
                outbox.sendto(b"x", (to, port))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        done.set()
        sender.join()


def followed(lab: Lab, firewall: Firewall, **given: Any) -> list[TracedPacket]:
    running = firewall.running
    assert running is not None
    with lab.router:
        verbs = TraceVerbs(firewall.nft, tracing, lambda: running.policy)
        return verbs.trace(ANNA, TracePackets.model_validate({"packets": 1, **given})).packets


def test_a_packet_that_falls_is_told_with_the_rules_that_fitted(lab: Lab, firewall: Firewall) -> None:
    with sending(lab.guest, lab.lan.ipv4, 5001), sending(lab.guest, lab.lan.ipv4, 5002):
        (one,) = followed(lab, firewall, arrives_on="guest", destination_port=5001)
    assert (one.source, one.destination, one.destination_port) == (lab.guest.ipv4, lab.lan.ipv4, 5001)
    assert (one.arrives_on, one.fate) == ("guest", "dropped by rule/r-drop")
    told = [step.origin for step in one.steps]
    assert "rule/r-count" in told
    assert told[-1] == "rule/r-drop"
    assert all(step.origin or step.passage == "policy" for step in one.steps)
    assert one.text[-1] == "It is dropped by rule/r-drop."
    assert firewall.differences() == []
    assert "patronus_trace" not in lab.router.run("nft", "list", "tables")


@pytest.mark.parametrize("version", [4, 6])
def test_a_packet_that_an_index_finds_is_told_with_its_rule(
    lab: Lab, firewall: Firewall, version: int
) -> None:
    many = "".join(
        f"  - {{id: r-{port}, from: guest, to: lan, protocol: udp, destination_port: {port}, action: drop}}\n"
        for port in range(5001, 5101)
    )
    firewall.apply(rules=f"rules:\n{many}")
    with sending(lab.guest, lab.lan.address(version), 5042):
        (one,) = followed(lab, firewall, arrives_on="guest", destination_port=5042)
    assert one.fate == "dropped by rule/r-5042"
    assert firewall.packets("rule/r-5042") > 0


@pytest.mark.parametrize("version", [4, 6])
def test_a_packet_that_goes_on_is_told_with_what_translation_did(
    lab: Lab, firewall: Firewall, version: int
) -> None:
    with sending(lab.lan, lab.wan.address(version), 9):
        (one,) = followed(lab, firewall, source=lab.lan.address(version), protocol="udp")
    assert (one.leaves_by, one.fate) == ("wan", "accepted by pair/lan/wan")
    assert "nat/n-1" in [step.origin for step in one.steps]
    assert one.text[-1] == "It is accepted by pair/lan/wan, and leaves by wan."


def test_what_is_not_asked_for_is_not_followed(lab: Lab, firewall: Firewall) -> None:
    with sending(lab.guest, lab.lan.ipv4, 5001):
        assert followed(lab, firewall, destination=lab.wan.ipv4, seconds=0.5) == []
        assert followed(lab, firewall, arrives_on="lan", protocol="udp", seconds=0.5) == []


def test_one_follows_at_a_time_and_what_cannot_be_is_refused(lab: Lab, firewall: Firewall) -> None:
    with lab.router, tracing(), pytest.raises(Conflict):
        followed(lab, firewall)
    for given in (
        {"arrives_on": "attic"},
        {"source": "10.0.0.0/8", "destination": "fd00::/8"},
        {"protocol": "gre", "destination_port": 80},
    ):
        with pytest.raises(InvalidRequest):
            followed(lab, firewall, **given)
