# SPDX-License-Identifier: GPL-2.0-or-later
"""The mode of XDP as a setting: each on real packets, changed under traffic, refused, told with a reason."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest

from patronus.core.verb import Caller, Nothing, Role
from patronus.firewall.early.plane import AS_SET
from patronus.firewall.verbs.explain import Explain
from patronus.firewall.verbs.forms import CounterList
from tests.netns.firewall.driver import INTERFACES, Firewall, in_mode
from tests.netns.lab import LONG_S, Lab, settle

OPEN = "zones: [{id: wan, to: {lan: allow, self: allow}}, {id: lan, to: {wan: allow}}, {id: guest}]\n"
CHEAP = "cheap"
"""A device whose driver has no native XDP."""
WITH_CHEAP = INTERFACES + f"  - {{id: {CHEAP}, match: {{path: d}}, zone: guest}}\n"


@pytest.fixture
def firewall(lab: Lab, pins: Path) -> Firewall:
    lab.wan.namespace.ip("route add 192.168.1.0/24 via 198.51.100.2")
    lab.router.ip(f"link add {CHEAP} type ifb")
    lab.router.ip(f"link set {CHEAP} up")
    lab.acquaint()
    return Firewall(lab, pins)


def seen(lab: Lab, firewall: Firewall) -> CounterList:
    with lab.router:
        return firewall.verbs.counters(cast(Any, None), Nothing())


def modes(lab: Lab, firewall: Firewall) -> dict[str, tuple[str, str, str]]:
    return {one.device: (one.asked, one.mode, one.reason) for one in seen(lab, firewall).xdp}


def dropped(lab: Lab, firewall: Firewall) -> int:
    """Return how many packets XDP has dropped for the blocklist."""
    return next(one.packets for one in seen(lab, firewall).xdp_counters if one.name == "drop_block_ipv4")


def blocked(host: str) -> str:
    return f"prefixes: [{{id: b-1, prefix: {host}}}]\n"


@pytest.mark.parametrize(
    ("asked", "mode"), [("auto", "native"), ("native", "native"), ("generic", "generic"), ("off", "off")]
)
def test_a_mode_is_taken_and_told_and_the_packets_fall_in_each(
    lab: Lab, firewall: Firewall, asked: str, mode: str
) -> None:
    wanted = in_mode("wan", asked)
    firewall.apply(zones=OPEN, interfaces=wanted)
    assert lab.wan.udp(lab.lan.ipv4, 9, lab.lan)
    firewall.apply(zones=OPEN, interfaces=wanted, blocklist=blocked(lab.wan.ipv4))
    assert modes(lab, firewall)["wan"] == (asked, mode, "" if asked == "auto" else AS_SET)
    assert not lab.wan.udp(lab.lan.ipv4, 9, lab.lan)
    end = time.monotonic() + LONG_S
    while not (by_xdp := dropped(lab, firewall)) and not firewall.packets("blocked"):
        assert time.monotonic() < end, "nobody counted it"
        settle()
    assert (by_xdp > 0, firewall.packets("blocked") > 0) == (mode != "off", mode == "off")
    assert firewall.differences() == []
    given = {"arrives_on": "wan", "source": lab.wan.ipv4, "destination": lab.lan.ipv4, "protocol": "udp"}
    with lab.router:
        told = firewall.verbs.explain(Caller("anna", Role.VIEWER), Explain.model_validate(given))
    assert (told.decided_by, told.plane) == ("blocked", "nftables" if mode == "off" else "xdp")


def test_what_is_asked_may_change_under_traffic_and_nothing_blocked_comes_through(
    lab: Lab, firewall: Firewall
) -> None:
    lab.more_addresses("wan", "198.51.100.10/24")
    lab.acquaint()
    order = ("auto", "generic", "native", "off", "generic", "auto", "off", "native", "generic", "auto")
    had = {"auto": "native"}
    stop = threading.Event()
    outbox = lab.wan.namespace.socket(4, socket.SOCK_DGRAM)
    outbox.bind(("198.51.100.10", 0))
    sent = 0

    def flood() -> None:
        nonlocal sent
        while not stop.is_set():
            outbox.sendto(b"bad", (lab.lan.ipv4, 9))
            sent += 1

    with lab.lan.namespace.socket(4, socket.SOCK_DGRAM) as inbox:
        inbox.bind((lab.lan.ipv4, 9))
        firewall.apply(zones=OPEN, blocklist=blocked("198.51.100.10"))
        sending = threading.Thread(target=flood)
        sending.start()
        try:
            for asked in order:
                firewall.apply(
                    zones=OPEN, interfaces=in_mode("wan", asked), blocklist=blocked("198.51.100.10")
                )
                assert modes(lab, firewall)["wan"][:2] == (asked, had.get(asked, asked))
                before = sent
                while sent < before + 20:
                    stop.wait(0.001)
        finally:
            stop.set()
            sending.join()
        with lab.wan.namespace.socket(4, socket.SOCK_DGRAM) as good:
            good.sendto(b"good", (lab.lan.ipv4, 9))
            assert inbox.recv(100) == b"good", "the first packet that came"
        firewall.apply(zones=OPEN)
        outbox.sendto(b"bad", (lab.lan.ipv4, 9))
        assert inbox.recv(100) == b"bad"
    outbox.close()


def test_where_the_driver_refuses_native_alone_xdp_is_off_there_and_says_why(
    lab: Lab, firewall: Firewall
) -> None:
    list_ = blocked(lab.wan.ipv4)
    firewall.apply(zones=OPEN, interfaces=in_mode(CHEAP, "native", WITH_CHEAP), blocklist=list_)
    found = modes(lab, firewall)
    asked, mode, reason = found[CHEAP]
    assert (asked, mode) == ("native", "off")
    assert "does not support XDP in native mode" in reason, "the kernel's own words"
    assert found["wan"][1] == "native", "the others are not touched"
    assert reason in str(seen(lab, firewall).xdp_fault)
    assert firewall.differences() == []
    firewall.apply(zones=OPEN, interfaces=WITH_CHEAP, blocklist=list_)
    asked, mode, reason = modes(lab, firewall)[CHEAP]
    assert (asked, mode) == ("auto", "generic")
    assert "the driver refused native XDP" in reason
    firewall.apply(zones=OPEN, interfaces=in_mode(CHEAP, "off", WITH_CHEAP), blocklist=list_)
    assert modes(lab, firewall)[CHEAP] == ("off", "off", AS_SET)


def test_the_reason_is_known_again_after_a_restart(lab: Lab, firewall: Firewall, pins: Path) -> None:
    firewall.apply(zones=OPEN, interfaces=WITH_CHEAP, blocklist=blocked(lab.wan.ipv4))
    told = modes(lab, firewall)[CHEAP]
    again = Firewall(lab, pins)
    again.apply(zones=OPEN, interfaces=WITH_CHEAP, blocklist=blocked(lab.wan.ipv4))
    assert modes(lab, again)[CHEAP] == told
    assert "the driver refused native XDP" in told[2]


def test_the_plan_says_in_words_where_and_how(lab: Lab, firewall: Firewall) -> None:
    wanted = in_mode("lan", "off", in_mode("wan", "generic"))
    guard = "icmp_flood: {enabled: true, zones: [wan], early: true}\n"
    firewall.apply(zones=OPEN, interfaces=wanted, blocklist=blocked(lab.wan.ipv4), protection=guard)
    assert firewall.running is not None
    words = [step.name for step in firewall.feature.steps(firewall.running, None)]
    what = "drop 1 prefixes and for 0 rules and beyond the limits of icmp-flood"
    assert f"XDP: {what} on guest, wan (generic), off on lan" in words
