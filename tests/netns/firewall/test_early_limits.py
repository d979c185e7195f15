# SPDX-License-Identifier: GPL-2.0-or-later
"""Guards against floods that XDP holds too, on real packets: what it drops first, counts, and lets be.

Rates are one in an hour, so that no test depends on how long it takes.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from patronus.core.verb import Nothing
from patronus.firewall.verbs.forms import CounterList, DropInfo, WatchDrops
from patronus.firewall.verbs.protection import GuardInfo, GuardList
from patronus.kernel.bpf_attach import Mode
from tests.netns.firewall.driver import Firewall, in_mode
from tests.netns.firewall.test_protection import answers
from tests.netns.lab import LONG_S, Host, Lab, settle

OPEN = "zones: [{id: wan, to: {lan: allow, self: allow}}, {id: lan, to: {wan: allow}}, {id: guest}]\n"
FIGURES = "zones: [wan], rate: 1/h, burst: 3"


@pytest.fixture
def firewall(lab: Lab, pins: Path) -> Firewall:
    lab.wan.namespace.ip("route add 192.168.1.0/24 via 198.51.100.2")
    lab.wan.namespace.ip("-6 route add fd00:1::/64 via 2001:db8:1::2")
    lab.more_addresses("wan", "198.51.100.10/24", "2001:db8:1::10/64")
    lab.acquaint()
    return Firewall(lab, pins)


def guard(name: str, *, early: bool = True) -> str:
    return f"{name}: {{enabled: true, {FIGURES}, early: {str(early).lower()}}}\n"


def listed(lab: Lab, firewall: Firewall, name: str) -> GuardInfo:
    """Return a guard as people are told of it."""
    handler = next(verb.handler for verb in firewall.verbs.verbs() if verb.name == "firewall.ListGuards")
    with lab.router:
        found = cast(GuardList, handler(cast(Any, None), Nothing()))
    return next(one for one in found.guards if one.id == name)


def opened(host: Host, to: str, port: int, source: str | None = None) -> socket.socket:
    """Return a connection that must come about, however long it takes: settle() knows no native XDP."""
    outbox = host.namespace.socket(4, socket.SOCK_STREAM)
    outbox.bind((source or host.ipv4, 0))
    outbox.connect((to, port))
    return outbox


def until(said: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + LONG_S
    while not said():
        assert time.monotonic() < end, "it never came to that"
        settle()


def counters(lab: Lab, firewall: Firewall) -> CounterList:
    with lab.router:
        return firewall.verbs.counters(cast(Any, None), Nothing())


@pytest.mark.parametrize("mode", list(Mode))
def test_a_flood_of_connections_falls_in_xdp_for_its_source_alone(
    lab: Lab, firewall: Firewall, mode: Mode
) -> None:
    firewall.apply(zones=OPEN, interfaces=in_mode("wan", mode), protection=guard("syn_flood"))
    assert [(one.device, one.mode) for one in counters(lab, firewall).xdp] == [("wan", mode.value)]
    with lab.lan.serving(22):
        kept = opened(lab.wan, lab.lan.ipv4, 22)
        assert any(not lab.wan.reaches(lab.lan.ipv4, 22) for _ in range(30))
        until(lambda: not lab.wan.reaches(lab.lan.ipv4, 22) and listed(lab, firewall, "syn_flood").early > 0)
        opened(lab.wan, lab.lan.ipv4, 22, "198.51.100.10").close()  # another source
        kept.sendall(b"still here")
        assert kept.recv(100), "what is open goes on"
        kept.close()
        told = listed(lab, firewall, "syn_flood")
        assert told.early > 0
        assert told.xdp == ["wan"]
        assert firewall.packets("syn-flood") == 0, "nftables has not seen them"
        assert {one.name for one in counters(lab, firewall).counters if one.packets} >= {"syn-flood"}
        assert firewall.differences() == []
        firewall.apply(zones=OPEN, protection="syn_flood: {enabled: false}\n")
        assert counters(lab, firewall).xdp == []
        opened(lab.wan, lab.lan.ipv4, 22).close()
        assert listed(lab, firewall, "syn_flood").packets >= told.packets, "counters live on"


def test_without_early_nftables_holds_the_limit_alone(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(zones=OPEN, protection=guard("syn_flood", early=False))
    assert counters(lab, firewall).xdp == []
    with lab.lan.serving(22):
        assert [lab.wan.reaches(lab.lan.ipv4, 22) for _ in range(6)][-1] is False
    told = listed(lab, firewall, "syn_flood")
    assert (told.packets > 0, told.early, told.xdp) == (True, 0, [])


@pytest.mark.parametrize("early", [True, False], ids=["xdp", "nftables"])
@pytest.mark.parametrize("version", [4, 6])
def test_new_flows_are_limited_and_what_is_open_never_is(
    lab: Lab, firewall: Firewall, version: int, *, early: bool
) -> None:
    """A flow that nobody answers is open from its first packet on, and one that lan opened is too."""
    firewall.apply(zones=OPEN, protection=guard("udp_flood", early=early))
    there, here = lab.wan.address(version), lab.lan.address(version)
    with (
        lab.lan.namespace.socket(version, socket.SOCK_DGRAM) as inside,
        lab.wan.namespace.socket(version, socket.SOCK_DGRAM) as outside,
        lab.wan.namespace.socket(version, socket.SOCK_DGRAM) as one_way,
    ):
        inside.bind((here, 4000))
        outside.bind((there, 4001))
        one_way.bind((there, 4002))
        inside.sendto(b"open", (there, 4001))
        assert outside.recv(100) == b"open"
        one_way.sendto(b"new", (here, 4000))
        assert inside.recv(100) == b"new"
        for number in range(5):
            with lab.wan.namespace.socket(version, socket.SOCK_DGRAM) as new:
                new.bind((there, 5000 + number))
                new.sendto(b"%d" % number, (here, 4000))
                if number < 2:
                    assert inside.recv(100) == b"%d" % number
        until(lambda: listed(lab, firewall, "udp_flood").packets == 3)
        for number in range(20):
            for outbox in (outside, one_way):
                payload = b"%d" % number + os.urandom(8)
                outbox.sendto(payload, (here, 4000))
                assert inside.recv(100) == payload
        if version == 6:  # one /64 is one source
            assert not lab.wan.udp(here, 5010, lab.lan, source="2001:db8:1::10")
        else:
            with lab.wan.namespace.socket(4, socket.SOCK_DGRAM) as other:
                other.bind(("198.51.100.10", 0))
                other.sendto(b"other", (here, 4000))
                assert inside.recv(100) == b"other"
    told = listed(lab, firewall, "udp_flood")
    assert told.packets >= 3
    assert told.early == (told.packets if early else 0)
    firewall.apply(zones=OPEN)
    assert lab.wan.udp(here, 5011, lab.lan)


@pytest.mark.parametrize("early", [True, False], ids=["xdp", "nftables"])
def test_echo_requests_are_cut_though_they_are_one_exchange(
    lab: Lab, firewall: Firewall, *, early: bool
) -> None:
    firewall.apply(zones=OPEN, protection=guard("icmp_flood", early=early))
    assert 1 <= answers(lab, 8) <= 3
    until(lambda: listed(lab, firewall, "icmp_flood").packets >= 5)
    assert (firewall.packets("icmp-flood") == 0) == early
    firewall.apply(zones=OPEN)
    assert answers(lab, 8) == 8


def test_first_packets_that_a_rule_drops_early_count_for_the_guard(lab: Lab, firewall: Firewall) -> None:
    """Without ``early`` they fell in XDP before nftables could count them."""
    rules = "rules: [{id: r-1, from: wan, protocol: tcp, destination_port: 23, action: drop}]\n"
    with lab.lan.serving(22):
        firewall.apply(zones=OPEN, rules=rules, protection=guard("syn_flood"))
        assert not any(lab.wan.reaches(lab.lan.ipv4, 23) for _ in range(4))
        assert not lab.wan.reaches(lab.lan.ipv4, 22), "the limit was used up"
        until(lambda: listed(lab, firewall, "syn_flood").early > 0)
        firewall.apply(zones=OPEN, rules=rules, protection=guard("syn_flood", early=False))
        assert not any(lab.wan.reaches(lab.lan.ipv4, 23) for _ in range(4))
        opened(lab.wan, lab.lan.ipv4, 22).close()


def test_a_sample_of_drops_names_the_guard(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(zones=OPEN, protection=guard("icmp_flood"))
    answers(lab, 4)
    seen: list[DropInfo] = []

    def watch() -> None:
        with lab.router:
            while not seen:
                seen.extend(firewall.verbs.drops(cast(Any, None), WatchDrops(seconds=0.2)).drops)

    watching = threading.Thread(target=watch)
    watching.start()
    while watching.is_alive():
        answers(lab, 1)
    one = seen[0]
    assert (one.device, one.source, one.rule, one.guard) == ("wan", lab.wan.ipv4, None, "icmp-flood")
    assert one.reason == "drop_icmp_flood"
