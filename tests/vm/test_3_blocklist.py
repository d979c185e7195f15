# SPDX-License-Identifier: GPL-2.0-or-later
"""A blocklisted source is dropped in XDP: its counter says so, and nothing behind XDP sees the packet."""

import json
import secrets

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from qemu.capture import packet_socket
from qemu.internet import ADDRESS
from tests.vm.lab import Lab, eventually

VLAN = 30
SOURCE4, SOURCE6 = "198.51.100.7", "2001:db8:bad::7"
KINDS = ("v4", "v4 vlan", "v6", "v6 vlan")
BLOCK = "patronus {} 198.51.100.0/24 && patronus {} 2001:db8:bad::/48"
_LISTEN = """
import json, socket, sys
end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
end.bind((sys.argv[1], 3))
end.settimeout(120)
print("listening", flush=True)
last, *markers = sys.argv[2:]
seen = dict.fromkeys(markers, 0)
while last.encode() not in (frame := end.recv(65536)):
    for marker in seen:
        seen[marker] += marker.encode() in frame
print(json.dumps(list(seen.values())))
"""
"""Counts until it sees what nobody blocks: what was sent before that has come by then, or never does."""


def frame(mac: str, kind: str, marker: str, source4: str = SOURCE4) -> bytes:
    """A UDP packet from a source, the bad one unless another is named, to the router's WAN link."""
    packet = UDP(sport=4000, dport=4000) / marker.encode()
    layer3 = (
        IPv6(src=SOURCE6, dst="2001:db8:113::99") if "v6" in kind else IP(src=source4, dst="203.0.113.60")
    )
    tag = Dot1Q(vlan=VLAN) if "vlan" in kind else None
    ether = Ether(dst=mac, src="02:00:00:00:00:07")
    return bytes(ether / tag / layer3 / packet if tag else ether / layer3 / packet)


def xdp_drops(lab: Lab) -> int:
    """Return how many packets XDP has dropped for the blocklist."""
    counters = json.loads(lab.guest.succeed("patronus --json call firewall.Counters"))
    return sum(entry["packets"] for entry in counters["xdp_counters"] if "block" in entry["name"])


def seen_behind_xdp(lab: Lab) -> dict[str, int]:
    """Send ten packets of each kind; return how many a packet socket on the WAN link sees of each."""
    markers = {kind: secrets.token_hex(8) for kind in KINDS}
    name, last = secrets.token_hex(4), secrets.token_hex(8)
    lab.guest.copy_to(_LISTEN.encode(), "/run/listen.py")
    listen = f"python3 /run/listen.py {lab.link(lab.nics[1])} {last} {' '.join(markers.values())}"
    lab.guest.succeed(f"systemd-run --property=StandardOutput=file:/run/{name} {listen}")
    lab.guest.wait_until_succeeds(f"grep listening /run/{name}", timeout_s=30)
    with packet_socket(lab.server.namespace, lab.server.link) as wire:
        for kind, marker in markers.items():
            for _ in range(10):
                wire.send(frame(lab.nics[1].mac, kind, marker))
        wire.send(frame(lab.nics[1].mac, "v4", last, ADDRESS))
    seen = json.loads(lab.guest.wait_until_succeeds(f"grep '^.[0-9]' /run/{name}", timeout_s=120))
    return dict(zip(KINDS, seen, strict=True))


def test_a_blocked_source_ends_in_xdp_and_comes_through_when_unblocked(lab: Lab) -> None:
    wan = lab.link(lab.nics[1])  # a virtio NIC takes a tag only where a link wants it
    lab.guest.succeed(f"ip link add link {wan} name tagged type vlan id {VLAN} && ip link set tagged up")
    assert seen_behind_xdp(lab) == dict.fromkeys(KINDS, 10)
    lab.guest.succeed(BLOCK.format("block", "block"))
    before = xdp_drops(lab)
    assert seen_behind_xdp(lab) == dict.fromkeys(KINDS, 0)
    assert xdp_drops(lab) == before + 10 * len(KINDS)
    lab.guest.succeed(BLOCK.format("unblock", "unblock"))
    assert seen_behind_xdp(lab) == dict.fromkeys(KINDS, 10)


def test_a_timed_block_ends_by_itself_and_no_other(lab: Lab) -> None:
    lab.guest.succeed("patronus block 198.51.100.0/24 --for 1h")
    lab.guest.succeed("patronus block 192.0.2.0/24 --for 20s && nft list ruleset | grep -F 192.0.2.0/24")
    eventually(lambda: blocked(lab) == {"198.51.100.0/24"}, timeout_s=90)
    lab.guest.wait_until_succeeds(
        "! nft list ruleset | grep -F 192.0.2.0/24"
    )  # what has ended goes a moment later
    lab.guest.fail("grep -rF 198.51.100.0/24 /etc/patronus")


def blocked(lab: Lab) -> set[str]:
    """Return the prefixes that the router says it blocks."""
    return {item["prefix"] for item in json.loads(lab.guest.succeed("patronus --json blocks"))["blocks"]}
