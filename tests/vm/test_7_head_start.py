# SPDX-License-Identifier: GPL-2.0-or-later
"""From its second boot on the router forwards before its daemon is there, where all is as it was.

The daemon is held back until a test lets it go, by a drop-in given as a credential: what passes until then
passes by what the boot before has left.
"""

import dataclasses

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from qemu.capture import packet_socket
from qemu.machine import Machine
from tests.vm.lab import BOOT_LIMIT_S, Lab, eventually

KEPT = "/var/lib/patronus/head-start"
SOURCE, TARGET = "192.168.1.50", "203.0.113.1"
MARKER, UNASKED = b"from inside to the world", b"from the world to the inside"
_HELD = b"""[Service]
ExecStartPre=/bin/bash -c 'until [ -e /run/harness-go ]; do sleep 0.2; done'
TimeoutStartSec=infinity
"""
_STATIC = """cd /etc/patronus/network
wan='{method: static, addresses: [203.0.113.200/24], gateway: 203.0.113.1}'
sed -i "s|{method: dhcp}|$wan|" interfaces.yaml
sed -i 's|{method: dhcp, .*|{method: none}|; s|{method: delegated, .*|{method: none}|' interfaces.yaml
sed -i '/^upstreams:/,/^  - /d' dns.yaml
until patronus config load; do sleep 1; done"""
SAID = "journalctl -b -u patronus-head-start.service -o cat"


def _prepare(lab: Lab) -> None:
    """Give the WAN an address of its own, and wait until the next boot's head start lies there."""
    lab.guest.succeed(_STATIC, timeout_s=BOOT_LIMIT_S)
    lab.guest.succeed("patronus block 198.51.100.77 --for 1h", timeout_s=BOOT_LIMIT_S)
    lab.guest.wait_until_succeeds(f"grep -q 'address add 203.0.113.200' {KEPT}", timeout_s=BOOT_LIMIT_S)
    settled = f"grep -q 198.51.100.77 {KEPT} && (($(date +%s) - $(stat -c %Y {KEPT}) > 20))"
    lab.guest.wait_until_succeeds(settled, timeout_s=BOOT_LIMIT_S)
    lab.guest.succeed("sync")


def _boot_without_daemon(lab: Lab, machine: Machine) -> None:
    """Cut the power, switch on again, and wait until the head start has spoken; the daemon is held back."""
    lab.vm.cut_power()
    held = {**machine.credentials, "systemd.unit-dropin.patronusd.service~held": _HELD}
    lab.vm.start(machine=dataclasses.replace(machine, credentials=held))
    lab.guest.wait_ready(timeout_s=BOOT_LIMIT_S)
    lab.guest.wait_until_succeeds(
        f"{SAID} | grep 'no head start\\|stands, packets\\|start failed'", timeout_s=BOOT_LIMIT_S
    )
    lab.guest.wait_until_succeeds("! [ -e /run/patronus-head-start ]")


def _let_daemon_go(lab: Lab) -> None:
    """Let patronusd start, and wait until a generation runs."""
    lab.guest.succeed("touch /run/harness-go")
    lab.guest.wait_for_unit("patronusd.service", timeout_s=BOOT_LIMIT_S)


def _end_daemon(lab: Lab) -> None:
    """Stop patronusd, which keeps the head start at its end and then writes no more."""
    lab.guest.succeed("systemctl stop patronusd.service", timeout_s=BOOT_LIMIT_S)
    lab.guest.succeed(f"grep -q 'address add 203.0.113.200' {KEPT} && sync")


def test_the_next_boots_forward_before_the_daemon_is_there_where_all_is_as_it_was(lab: Lab) -> None:
    """Three boots in a row: as it was; with a file that was tampered with; with the cards in other slots."""
    _prepare(lab)
    _boot_without_daemon(lab, lab.machine)
    _forwards_what_the_rules_say(lab)
    look = "nft -a list table inet patronus | grep -o '# handle [0-9]*'"
    before = lab.guest.succeed(look)
    _let_daemon_go(lab)
    assert lab.guest.succeed(look) == before
    lab.guest.succeed("patronus doctor", timeout_s=BOOT_LIMIT_S)
    _end_daemon(lab)
    lab.guest.succeed(f"sed -i 's/^set address add 203/set address add 202/' {KEPT} && sync")
    _boot_without_daemon(lab, lab.machine)
    _opens_nothing(lab, "not whole")
    _let_daemon_go(lab)
    assert "patronus_lockdown" not in lab.guest.succeed("nft list tables")
    _end_daemon(lab)
    nics = (lab.nics[1], lab.nics[0], lab.nics[2])
    _boot_without_daemon(lab, dataclasses.replace(lab.machine, nics=nics))
    _opens_nothing(lab, "the card .* is .* and was")
    _let_daemon_go(lab)
    assert "patronus_lockdown" not in lab.guest.succeed("nft list tables")


def _forwards_what_the_rules_say(lab: Lab) -> None:
    """Datagrams go out under the router's own address; the blocked and the unasked do not pass."""
    assert "stands, packets pass" in lab.guest.succeed(SAID)
    assert lab.guest.execute("pgrep -x patronusd").code != 0
    lab.client.succeed(["ip", "address", "add", f"{SOURCE}/24", "dev", lab.client.link])
    out = Ether(dst=lab.nics[0].mac, src=lab.client.mac()) / IP(src=SOURCE, dst=TARGET)
    blocked = Ether(dst=lab.nics[0].mac, src=lab.client.mac()) / IP(src=SOURCE, dst="198.51.100.77")
    into = Ether(dst=lab.nics[1].mac, src=lab.server.mac()) / IP(src=TARGET, dst=SOURCE)
    with (
        lab.lan.capture() as lan, lab.wan.capture() as wan,
        packet_socket(lab.client.namespace, lab.client.link) as inside,
        packet_socket(lab.server.namespace, lab.server.link) as outside,
    ):  # fmt: skip

        def passes() -> bool:
            outside.send(bytes(into / UDP(sport=5000, dport=5001) / UNASKED))
            inside.send(bytes(blocked / UDP(sport=5000, dport=5001) / (b"blocked " + MARKER)))
            inside.send(bytes(out / UDP(sport=5000, dport=5001) / MARKER))
            return any(
                IP(frame[14:]).src == "203.0.113.200"
                for frame in wan.frames(lambda seen: MARKER in seen and b"blocked" not in seen)
            )

        eventually(passes, timeout_s=60)
        assert wan.count(b"blocked " + MARKER) == 0
        assert wan.count(UNASKED) > 0
        assert lan.count(UNASKED) == 0


def _opens_nothing(lab: Lab, why: str) -> None:
    """The head start has said why it did not come; the lockdown stands, and no link is up."""
    assert "no head start" in lab.guest.succeed(f"{SAID} | grep '{why}'")
    assert lab.guest.succeed("nft list tables").split() == ["table", "inet", "patronus_lockdown"]
    assert lab.guest.succeed("cat /proc/sys/net/ipv4/ip_forward").strip() == "0"
    assert lab.guest.succeed("ip -br link show up | grep -v ^lo || :").strip() == ""
