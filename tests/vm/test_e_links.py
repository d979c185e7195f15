# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that the kernels of workstations may lack: VLAN, bond, dummy, and bridges that keep VLANs apart."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from ipaddress import ip_address
from socket import socket
from typing import Any

from qemu.capture import Capture
from tests.vm.lab import Lab

FILE = "/etc/patronus/network/interfaces.yaml"
MORE = """
  - id: port
    match: {{mac: "{mac}"}}
  - id: trunk
    bond: {{members: [port], mode: {mode}, hash: layer3+4}}
  - id: voice
    vlan: {{parent: trunk, tag: 30}}
    zone: lan
    ipv4: {{method: static, addresses: [10.30.0.1/24]}}
  - id: loop
    dummy: {{}}
    ipv4: {{method: static, addresses: [192.0.2.1/32]}}
"""


def links(lab: Lab) -> dict[str, dict[str, Any]]:
    found = json.loads(lab.guest.succeed("ip -json -details address"))
    return {str(one["ifname"]): one for one in found}


def addresses(link: dict[str, Any]) -> set[str]:
    return {f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"] if one["family"] == "inet"}


def commit(lab: Lab, text: str) -> None:
    """Commit an interfaces file: that the kernel is as planned afterwards is part of it."""
    lab.guest.copy_to(text.encode(), FILE)
    lab.guest.succeed("patronus config commit", timeout_s=300)


def test_vlan_bond_and_dummy_are_made_changed_and_taken_away(lab: Lab) -> None:
    card = lab.link(lab.nics[2])
    before = lab.guest.succeed(f"cat {FILE}")
    commit(lab, before + MORE.format(mac=lab.nics[2].mac, mode="802.3ad"))
    made = links(lab)
    bond = made["trunk"]["linkinfo"]["info_data"]
    assert (bond["mode"], bond["miimon"], bond["xmit_hash_policy"]) == ("802.3ad", 100, "layer3+4")
    assert made[card]["master"] == "trunk" and "UP" in made[card]["flags"]
    assert (made["voice"]["link"], made["voice"]["linkinfo"]["info_data"]["id"]) == ("trunk", 30)
    assert (addresses(made["voice"]), addresses(made["loop"])) == ({"10.30.0.1/24"}, {"192.0.2.1/32"})
    commit(lab, before + MORE.format(mac=lab.nics[2].mac, mode="balance-xor"))
    changed = links(lab)
    assert changed["trunk"]["linkinfo"]["info_data"]["mode"] == "balance-xor"
    assert (changed[card]["master"], addresses(changed["voice"])) == ("trunk", {"10.30.0.1/24"})
    commit(lab, before)
    left = links(lab)
    assert not {"trunk", "voice", "loop"} & left.keys() and "master" not in left[card]


SWITCH = """
interfaces:
  - {{id: wan, match: {{mac: "{wan}"}}, zone: wan, ipv4: {{method: dhcp}}}}
  - {{id: office, match: {{mac: "{office}"}}}}
  - {{id: trunk, match: {{mac: "{trunk}"}}}}
  - id: switch
    bridge: {{members: [office, trunk], vlans: {{office: {{untagged: 10}}, trunk: {{tagged: {tagged}}}}}}}
  - id: lan
    vlan: {{parent: switch, tag: 10}}
    zone: lan
    ipv4: {{method: static, addresses: [192.168.1.1/24]}}
  - id: guest
    vlan: {{parent: switch, tag: 20}}
    zone: lan
    ipv4: {{method: static, addresses: [10.20.0.1/24]}}
"""
LAN, GUEST = "192.168.1.1", "10.20.0.1"
NEAR, FAR = "525400000a61", "525400000a62"
"""Who asks, on the cable of the LAN and on that of the DMZ; the last byte ends their addresses, too."""
_ARP, _WHO_HAS, _IS_AT = struct.pack("!H", 0x0806), 1, 2


def _start(tag: int | None, kind: int) -> bytes:
    """Return a frame of ARP (RFC 826) from behind its addresses up to those that it speaks of."""
    mark = b"" if tag is None else struct.pack("!HH", 0x8100, tag)
    return mark + _ARP + struct.pack("!HHBBH", 1, 0x0800, 6, 4, kind)


def question(who: str, asked: str, tag: int | None) -> bytes:
    """Return the frame that asks everybody for an address; ``tag`` None: without one of a VLAN."""
    asker, address = bytes.fromhex(who), ip_address(asked).packed
    mine = asker + address[:3] + asker[-1:]
    return b"\xff" * 6 + asker + _start(tag, _WHO_HAS) + mine + bytes(6) + address


def asks(who: str, asked: str, tag: int | None) -> Callable[[bytes], bool]:
    """Return what tells that question, wherever it comes out."""
    return lambda frame: frame.startswith(question(who, asked, tag))


def answers(who: str, asked: str, tag: int | None) -> Callable[[bytes], bool]:
    """Return what tells the answer to that question, with this tag."""
    start, address = _start(tag, _IS_AT), ip_address(asked).packed

    def fits(frame: bytes) -> bool:
        body = frame[12 + len(start) :]
        return (
            frame[:6] == bytes.fromhex(who) and frame[12:].startswith(start) and body[6:].startswith(address)
        )

    return fits


def ask(capture: Capture, wire: socket, who: str, *asked: tuple[str, int | None]) -> int:
    """Ask all on the wire and wait for the answer to the last: all others have had their time by then.

    Return how many were answered.
    """
    for one in asked:
        wire.send(question(who, *one).ljust(60, b"\0"))
    capture.wait(answers(who, *asked[-1]), timeout_s=120)
    return sum(bool(capture.frames(answers(who, *one))) for one in asked)


def test_a_bridge_keeps_vlans_apart_like_a_switch(lab: Lab) -> None:
    """LAN is a port of VLAN 10 for hosts, DMZ a trunk of 10 and 20; frames come and go by their cables."""
    before = lab.guest.succeed(f"cat {FILE}")
    macs = {"office": lab.nics[0].mac, "wan": lab.nics[1].mac, "trunk": lab.nics[2].mac}
    office, trunk = lab.link(lab.nics[0]), lab.link(lab.nics[2])
    commit(lab, SWITCH.format(tagged="[10, 20]", **macs))
    said = json.loads(lab.guest.succeed("bridge -json vlan show"))
    carried = {one["ifname"]: [vlan["vlan"] for vlan in one["vlans"]] for one in said}
    assert carried == {office: [10], trunk: [10, 20], "switch": [10, 20]}
    assert "10 untagged" in lab.guest.succeed("patronus interfaces --vlans", timeout_s=300)
    with lab.lan.wire() as inside, lab.lan.capture() as near, lab.dmz.capture() as far:
        assert ask(near, inside, NEAR, (GUEST, 20), (LAN, 20), (LAN, None)) == 1
        far.wait(asks(NEAR, LAN, 10), timeout_s=120)
        assert not far.frames(asks(NEAR, LAN, None)) and not far.frames(asks(NEAR, LAN, 20))
    with lab.dmz.wire() as outside, lab.lan.capture() as near, lab.dmz.capture() as far:
        assert ask(far, outside, FAR, (LAN, None), (GUEST, 30), (GUEST, 20), (LAN, 10)) == 2
        near.wait(asks(FAR, LAN, None), timeout_s=120)
        assert not any(near.frames(asks(FAR, GUEST, tag)) for tag in (None, 20))
    lab.guest.succeed(f"bridge vlan add dev {office} vid 20")  # the router takes it back by itself
    lab.guest.wait_until_succeeds(f"! bridge vlan show dev {office} | grep -qw 20", timeout_s=300)
    commit(lab, SWITCH.format(tagged="[20]", **macs))
    with lab.dmz.wire() as outside, lab.dmz.capture() as far:
        assert ask(far, outside, FAR, (LAN, 10), (GUEST, 20)) == 1
    commit(lab, before)
    left = links(lab)
    assert not {"switch", "guest"} & left.keys() and "master" not in left[trunk]
    assert addresses(left[office]) == {"192.168.1.1/24"}
