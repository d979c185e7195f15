# SPDX-License-Identifier: GPL-2.0-or-later
"""Routing tables of their own, which the kernels of workstations may lack, told by frames on two cables."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from tests.vm.lab import Lab
from tests.vm.test_e_links import FILE, commit, links

LAN, DMZ = "192.168.1.0/24", "10.8.0.0/24"
FILES = """
interfaces:
  - {{id: wan, match: {{mac: "{wan}"}}, zone: wan, ipv4: {{method: dhcp}}}}
  - {{id: lan, match: {{mac: "{lan}"}}, zone: lan, ipv4: {{method: static, addresses: [192.168.1.1/24]}}}}
  - id: far
    match: {{mac: "{dmz}"}}
    zone: apart
    ipv4: {{method: static, addresses: [10.8.0.1/24], gateway: 10.8.0.254}}
    ipv6: {{method: static, addresses: ["2001:db8:8::1/64"]}}
  - id: near
    dummy: {{}}
    zone: apart
    ipv4: {{method: static, addresses: [10.7.0.1/24]}}
{vrf}
"""
VRF = "  - {id: apart, vrf: {table: 10, members: [far, near]}, zone: apart}"
ZONES = """
zones:
  - {id: wan}
  - {id: lan, to: {wan: allow, apart: allow, self: allow}}
  - {id: apart, to: {apart: allow, lan: allow, wan: allow, self: allow}}
default: drop
"""
GUARDS = "anti_spoofing: {zones: [apart, lan]}\n"
"""Where no uplink is it stands by itself; the zone of the VRF has a gateway."""
HOST = "02:00:00:00:08:02"


def frame(mac: str, source: str, destination: str, inner: Packet) -> bytes:
    return bytes(Ether(src=HOST, dst=mac) / IP(src=source, dst=destination) / inner)


def routes(lab: Lab, vrf: str) -> set[str]:
    found = json.loads(lab.guest.succeed(f"ip -json route show vrf {vrf}"))
    return {f"{one['dst']} {one.get('gateway') or one.get('type') or one['dev']}" for one in found}


@pytest.fixture
def apart(lab: Lab) -> Callable[[bool], None]:
    """Commit the three networks, with the VRF or without."""
    lab.guest.copy_to(ZONES.encode(), "/etc/patronus/firewall/zones.yaml")
    lab.guest.copy_to(GUARDS.encode(), "/etc/patronus/firewall/protection.yaml")
    macs = {"lan": lab.nics[0].mac, "wan": lab.nics[1].mac, "dmz": lab.nics[2].mac}

    def set_it(wanted: bool) -> None:
        commit(lab, FILES.format(vrf=VRF if wanted else "", **macs))
        link = lab.link(lab.nics[2])
        for address in ("10.8.0.2", "10.8.0.254"):
            lab.guest.succeed(f"ip neigh replace {address} lladdr {HOST} dev {link} nud permanent")

    return set_it


def test_a_vrf_keeps_to_its_own_table_whatever_the_rules_say(lab: Lab, apart: Callable[[bool], None]) -> None:
    before = lab.guest.succeed(f"cat {FILE}")
    dmz, lan = lab.nics[2].mac, lab.link(lab.nics[0])
    host = lab.lease()
    apart(False)
    with lab.dmz.wire() as wire, lab.lan.capture() as inside:
        wire.send(frame(dmz, "10.8.0.2", host, UDP(sport=7, dport=7) / b"before the VRF"))
        inside.wait(lambda one: b"before the VRF" in one, timeout_s=120)
    apart(True)
    card = lab.link(lab.nics[2])
    made = links(lab)
    assert (made["apart"]["linkinfo"]["info_data"]["table"], made[card]["master"]) == (10, "apart")
    assert made["near"]["master"] == "apart"
    assert {one["local"] for one in made[card]["addr_info"]} >= {"10.8.0.1", "2001:db8:8::1"}
    wanted = {"default 10.8.0.254", f"{DMZ} {card}", "10.7.0.0/24 near", "default unreachable"}
    assert wanted <= routes(lab, "apart")
    assert DMZ not in lab.guest.succeed("ip route show table main")
    with lab.dmz.wire() as wire, lab.lan.capture() as inside, lab.dmz.capture() as outside:
        wire.send(frame(dmz, "10.8.0.2", host, UDP(sport=7, dport=7) / b"after it"))
        wire.send(frame(dmz, "10.8.0.2", "10.7.0.1", ICMP(id=5) / b"to its own"))
        outside.wait(lambda one: one[:6] == bytes.fromhex(HOST.replace(":", "")) and b"to its own" in one,
                     timeout_s=120)  # fmt: skip
        assert inside.count(b"after it") == 0 and outside.count(b"after it") >= 2, (
            "it leaves by its own gateway"
        )
    lab.guest.fail(f"ip route get 10.8.0.2 from {host} iif {lan} | grep -q {card}")
    said = lab.guest.succeed(
        "patronus explain --in apart --src 10.8.0.2 --dst 10.7.0.9 --dport 80 || true", timeout_s=300
    )
    assert "vrf/apart" in said
    lab.guest.succeed("ip route del unreachable default vrf apart metric 4278198272")
    assert "unreachable in table 10" in lab.guest.succeed("patronus doctor || true", timeout_s=300)
    apart(False)
    left = links(lab)
    assert "apart" not in left and "master" not in left[card]
    assert {one["local"] for one in left[card]["addr_info"]} >= {"10.8.0.1", "2001:db8:8::1"}
    assert DMZ in lab.guest.succeed("ip route show table main")
    assert lab.guest.succeed("ip route show table 10 2>/dev/null || true").strip() == ""
    commit(lab, before)
