# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that XDP drops for, on real devices: what is counted, told, read back, and left to nftables."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

from patronus.core.verb import Nothing
from patronus.firewall.verbs.forms import CounterList, DropInfo, WatchDrops
from patronus.kernel import bpf_attach
from patronus.kernel.bpf import PROGRAM
from patronus.kernel.bpf_attach import Mode
from patronus.kernel.bpf_object import Object
from tests.netns.firewall.conftest import OBJECT
from tests.netns.firewall.driver import Firewall, in_mode
from tests.netns.lab import Lab

RULES = """rules:
  - {id: r-1, from: wan, protocol: tcp, destination_port: 22, action: drop}
  - {id: r-2, from: wan, to: self, action: allow}
"""
BOTH = RULES + "  - {id: r-3, from: guest, protocol: tcp, action: drop}\n"
ROUTER = "198.51.100.2"


@pytest.fixture
def firewall(lab: Lab, pins: Path) -> Firewall:
    return Firewall(lab, pins)


def counters(lab: Lab, firewall: Firewall) -> CounterList:
    with lab.router:
        return firewall.verbs.counters(cast(Any, None), Nothing())


def packets(lab: Lab, firewall: Firewall, name: str) -> int:
    return next(one.packets for one in counters(lab, firewall).counters if one.name == name)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_rule_drops_in_xdp_and_counts_as_in_nftables(lab: Lab, firewall: Firewall, mode: Mode) -> None:
    firewall.apply(rules=RULES, interfaces=in_mode("wan", mode))
    found = counters(lab, firewall)
    assert (found.xdp_fault, [(one.device, one.mode) for one in found.xdp]) == (None, [("wan", mode.value)])
    assert not lab.wan.reaches(ROUTER, 22)
    early = packets(lab, firewall, "rule/r-1")
    assert early >= 1
    assert firewall.packets("rule/r-1") == 0, "nftables has not seen it"
    lab.router.ip(f"link set dev wan xdp{'generic' if mode is Mode.GENERIC else ''} off")
    assert [one.what for one in firewall.differences()] == ["XDP on wan"]
    assert not lab.wan.reaches(ROUTER, 22)
    behind = firewall.packets("rule/r-1")
    assert behind >= 1
    assert packets(lab, firewall, "rule/r-1") == early + behind


def test_what_no_rule_drops_passes_and_without_the_rule_so_does_the_rest(
    lab: Lab, firewall: Firewall
) -> None:
    with lab.wan.serving(22):
        firewall.apply(rules=BOTH)
        assert sorted(one.device for one in counters(lab, firewall).xdp) == ["guest", "wan"]
        assert lab.lan.reaches(lab.wan.ipv4, 22), "answers come in at wan"
        assert not lab.guest.reaches(lab.wan.ipv4, 22)
        firewall.apply(rules=RULES)
        assert [one.device for one in counters(lab, firewall).xdp] == ["wan"]
        assert lab.guest.reaches(lab.wan.ipv4, 22)
        firewall.apply(rules=RULES.replace("drop", "allow"))
        assert counters(lab, firewall).xdp == []
        with pytest.raises(OSError, match="refused"):
            lab.wan.stream(ROUTER, 22)


def test_an_open_connection_outlives_the_rule_that_lets_no_new_one_in(lab: Lab, firewall: Firewall) -> None:
    with lab.wan.serving(22):
        firewall.apply(rules="rules: []")
        with lab.lan.stream(lab.wan.ipv4, 22) as connection:
            assert connection.recv(100)
            firewall.apply(rules=RULES)
            connection.sendall(b"still here")
            assert connection.recv(100) == b"still here"


def test_another_program_is_left_alone_and_named_and_stops_no_other_nic(
    lab: Lab, firewall: Firewall, pins: Path
) -> None:
    with Object(OBJECT) as other, lab.router:
        other.load()
        with other.program(PROGRAM) as stranger:
            bpf_attach.attach("wan", stranger)
            firewall.apply(rules=BOTH)
            found = counters(lab, firewall)
            assert "wan already runs another XDP program" in str(found.xdp_fault)
            off = {one.device: one.reason for one in found.xdp if one.mode == "off"}
            assert "take it off first" in off["wan"].lower()
            assert [one.device for one in found.xdp if one.mode != "off"] == ["guest"]
            assert firewall.differences() == []
            assert bpf_attach.detach("wan", stranger)
    assert not lab.wan.reaches(ROUTER, 22), "nftables decides"
    assert firewall.packets("rule/r-1") >= 1


def test_a_table_that_somebody_changed_is_seen(lab: Lab, firewall: Firewall, pins: Path) -> None:
    firewall.apply(rules=RULES)
    assert firewall.differences() == []
    lab.router.run("bpftool", "map", "delete", "pinned", str(pins / "rules"), "key", "0", "0", "0", "0")
    assert [(one.what, one.found) for one in firewall.differences()] == [("rules in XDP", "no table")]
    firewall.restart()
    firewall.refresh("a test")
    assert firewall.differences() == []


def test_a_sample_of_drops_names_device_addresses_and_rule(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(rules=RULES)
    assert not lab.wan.reaches(ROUTER, 22)
    seen: list[DropInfo] = []

    def watch() -> None:
        with lab.router:
            while not seen:
                seen.extend(firewall.verbs.drops(cast(Any, None), WatchDrops(seconds=0.2)).drops)

    watching = threading.Thread(target=watch)
    watching.start()
    while watching.is_alive():
        lab.wan.reaches(ROUTER, 22)
    one = seen[0]
    assert (one.device, one.source, one.destination, one.rule) == ("wan", lab.wan.ipv4, ROUTER, "r-1")
    assert (one.reason, one.vlan) == ("drop_rule", None)
    with lab.router:
        assert firewall.verbs.drops(cast(Any, None), WatchDrops(seconds=0.1)).drops == [], "none is old"


def test_a_blocklist_that_does_not_fit_leaves_no_old_drop_standing(lab: Lab, firewall: Firewall) -> None:
    never = ", ".join(f"10.{number >> 8}.{number & 255}.1" for number in range(4200))
    too_much = f"prefixes: [{{id: b-1, prefix: 192.0.2.7}}]\nnever: [{never}]\n"
    with lab.wan.serving(22):
        firewall.apply(rules=BOTH, blocklist=f"prefixes: [{{id: b-2, prefix: {lab.guest.ipv4}}}]\n")
        assert not lab.guest.reaches(lab.wan.ipv4, 22)
        firewall.apply(rules=RULES, blocklist=too_much)
        found = counters(lab, firewall)
        assert "nothing is blocked early" in str(found.xdp_fault)
        assert sorted(one.device for one in found.xdp) == ["guest", "lan", "wan"]
        assert lab.guest.reaches(lab.wan.ipv4, 22)
        assert not lab.wan.reaches(ROUTER, 22)
        assert packets(lab, firewall, "rule/r-1") > firewall.packets("rule/r-1")
