# SPDX-License-Identifier: GPL-2.0-or-later
"""Tunnels of GRE, which the kernels of workstations may lack: spoken with by frames of our own on a cable."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from scapy.layers.inet import GRE, ICMP, IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

from patronus.core.link import GreTunnel, LinkWanted
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.interfaces.script import script
from qemu.capture import Capture
from tests.vm.lab import Lab
from tests.vm.test_e_links import FILE, commit, links

PEER = "02:00:00:00:09:02"
STRANGER = "10.9.0.3"
HERE, THERE, HERE6, THERE6 = "10.9.0.1", "10.9.0.2", "2001:db8:9::1", "2001:db8:9::2"
MORE = f"""
  - id: far
    match: {{{{mac: "{{mac}}"}}}}
    zone: wan
    ipv4: {{{{method: static, addresses: [{HERE}/24]}}}}
    ipv6: {{{{method: static, addresses: ["{HERE6}/64"]}}}}
  - id: packets
    gre: {{{{parent: far, remote: {THERE}, local: {HERE}, key: 42, ttl: 9}}}}
    zone: lan
    ipv4: {{{{method: static, addresses: [10.42.0.1/30]}}}}
  - id: frames
    gre: {{{{parent: far, remote: {THERE}, frames: true}}}}
    zone: lan
    ipv4: {{{{method: static, addresses: [10.43.0.1/30]}}}}
  - id: six
    gre: {{{{parent: far, remote: "{THERE6}", key: 7}}}}
    zone: lan
    ipv4: {{{{method: static, addresses: [10.44.0.1/30]}}}}
  - id: sixframes
    gre: {{{{parent: far, remote: "{THERE6}", frames: true}}}}
"""
MADE = {
    "packets": ("gre", 1472),
    "frames": ("gretap", 1462),
    "six": ("ip6gre", 1452),
    "sixframes": ("ip6gretap", 1442),
}
"""Link → the kernel's word for its kind, and its MTU."""
IS_AT, CARRIED = 2, 47
WHO_HAS = Ether(src=PEER, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=PEER, psrc="10.43.0.2", pdst="10.43.0.1")


def echo(network: int, size: int) -> Packet:
    """Return a question of that many bytes to the router's address within a tunnel."""
    head = IP(src=f"10.{network}.0.2", dst=f"10.{network}.0.1") / ICMP(id=7)
    return head / bytes(size - len(head))


def told(lab: Lab, outer: Packet, inner: Packet, *, key: int | None) -> bytes:
    """Return a frame to the router with the tunnel's packet in it."""
    kind = 0x6558 if inner.haslayer(Ether) else 0x0800
    given = {"key_present": 1, "key": key} if key is not None else {}
    return bytes(Ether(src=PEER, dst=lab.nics[2].mac) / outer / GRE(proto=kind, **given) / inner)


def said(fits: Callable[[Packet], bool]) -> Callable[[bytes], bool]:
    """Return what finds frames to the other end of which this is true."""
    return lambda frame: frame[:6] == bytes.fromhex(PEER.replace(":", "")) and fits(Ether(frame))


def answered(key: int | None) -> Callable[[Packet], bool]:
    """Return what tells an answer to an echo, in GRE with this key."""

    def fits(frame: Packet) -> bool:
        if not frame.haslayer(GRE) or not frame.haslayer(ICMP):
            return False
        return bool(frame[GRE].key == key and frame[ICMP].type == 0)

    return fits


def alive(capture: Capture, wire_send: Callable[[bytes], object], lab: Lab) -> None:
    """Wait until the router has answered what was sent last: all before it has had its time."""
    question = ARP(hwsrc=PEER, psrc="10.9.0.77", pdst=HERE)
    wire_send(bytes(Ether(src=PEER, dst=lab.nics[2].mac) / question).ljust(60, b"\0"))
    capture.wait(said(lambda frame: frame.haslayer(ARP) and frame[ARP].psrc == HERE), timeout_s=120)


def told_by_head_start(lab: Lab, made: dict[str, dict[str, Any]]) -> None:
    """Make the tunnels by what the next boot reads; they must be those that patronusd made, and go again."""
    card = lab.link(lab.nics[2])
    tunnels = {
        "packets": GreTunnel(ip_address(THERE), ip_address(HERE), 42, 9),
        "frames": GreTunnel(ip_address(THERE), frames=True),
        "six": GreTunnel(ip_address(THERE6), ip_address(HERE6), key=7),
        "sixframes": GreTunnel(ip_address(THERE6), ip_address(HERE6), frames=True),
    }
    for name, tunnel in tunnels.items():
        plan = InterfacesPlan(links=(LinkWanted(name, name, "gre", parent=card, tunnel=tunnel),))
        lab.guest.succeed(f"ip {script(plan)[0].text}")
        found = json.loads(lab.guest.succeed(f"ip -json -details link show {name}"))[0]
        assert (found["linkinfo"], found["mtu"]) == (made[name]["linkinfo"], made[name]["mtu"])
        lab.guest.succeed(f"ip link delete {name}")


def test_packets_and_frames_come_through_gre_from_the_other_end_with_the_key(lab: Lab) -> None:
    before = lab.guest.succeed(f"cat {FILE}")
    commit(lab, before + MORE.format(mac=lab.nics[2].mac))
    made = links(lab)
    for name, (kind, mtu) in MADE.items():
        found = made[name]
        assert (found["linkinfo"]["info_kind"], found["mtu"]) == (kind, mtu)
        assert found["link"] == lab.link(lab.nics[2])
    for address in (THERE, THERE6, STRANGER):  # the other ends answer no questions
        lab.guest.succeed(
            f"ip neigh replace {address} lladdr {PEER} dev {lab.link(lab.nics[2])} nud permanent"
        )
    with lab.dmz.wire() as wire, lab.dmz.capture() as capture:
        wire.send(told(lab, IP(src=STRANGER, dst=HERE), echo(42, 100), key=42))
        wire.send(told(lab, IP(src=THERE, dst=HERE), echo(42, 100), key=41))
        wire.send(told(lab, IP(src=THERE, dst=HERE), echo(42, 100), key=None))
        alive(capture, wire.send, lab)
        assert not capture.frames(said(lambda frame: answered(42)(frame) or answered(None)(frame)))
        wire.send(told(lab, IP(src=THERE, dst=HERE), echo(42, 1472), key=42))
        answer = Ether(capture.wait(said(answered(42)), timeout_s=120))
        assert (answer[IP].src, answer[IP].dst, answer[IP].ttl, answer[IP].len) == (HERE, THERE, 9, 1500)
        wire.send(told(lab, IP(src=THERE, dst=HERE), WHO_HAS, key=None))
        capture.wait(
            said(lambda frame: frame.haslayer(GRE) and frame.haslayer(ARP) and frame[ARP].op == IS_AT),
            timeout_s=120,
        )
        wire.send(told(lab, IPv6(src=THERE6, dst=HERE6), echo(44, 1452), key=7))
        answer = Ether(capture.wait(said(answered(7)), timeout_s=120))
        assert (answer[IPv6].src, answer[IPv6].nh, answer[IPv6].plen) == (HERE6, CARRIED, 1460)
    lab.guest.succeed("ip link set packets down")  # the router takes it back by itself
    lab.guest.wait_until_succeeds("ip link show packets | grep -qw UP", timeout_s=300)
    commit(lab, before)
    assert not MADE.keys() & links(lab).keys()
    told_by_head_start(lab, made)
