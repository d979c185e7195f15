# SPDX-License-Identifier: GPL-2.0-or-later
"""From its second boot on the router forwards before its daemon is there, where all is as it was.

The daemon is held back until a test lets it go, by a drop-in given as a credential: what passes until then
passes by what the boot before has left.
"""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
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


@contextmanager
def _booted(lab: Lab, machine: Machine) -> Iterator[None]:
    """Cut the power, switch on again without the daemon, and wait until the head start has spoken."""
    lab.vm.cut_power()
    held = {**machine.credentials, "systemd.unit-dropin.patronusd.service~held": _HELD}
    lab.vm.start(machine=dataclasses.replace(machine, credentials=held))
    lab.guest.wait_ready(timeout_s=BOOT_LIMIT_S)
    lab.guest.wait_until_succeeds(
        f"{SAID} | grep 'no head start\\|stands, packets\\|start failed'", timeout_s=BOOT_LIMIT_S
    )
    lab.guest.wait_until_succeeds("! [ -e /run/patronus-head-start ]")
    yield


def test_the_next_boot_forwards_before_the_daemon_is_there_which_then_changes_nothing(lab: Lab) -> None:
    _prepare(lab)
    lab.client.succeed(["ip", "address", "add", f"{SOURCE}/24", "dev", lab.client.link])
    out = Ether(dst=lab.nics[0].mac, src=lab.client.mac()) / IP(src=SOURCE, dst=TARGET)
    blocked = Ether(dst=lab.nics[0].mac, src=lab.client.mac()) / IP(src=SOURCE, dst="198.51.100.77")
    into = Ether(dst=lab.nics[1].mac, src=lab.server.mac()) / IP(src=TARGET, dst=SOURCE)
    with _booted(lab, lab.machine):
        assert "stands, packets pass" in lab.guest.succeed(SAID)
        assert lab.guest.execute("pgrep -x patronusd").code != 0
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
        look = "nft -a list table inet patronus | grep -o '# handle [0-9]*'"
        before = lab.guest.succeed(look)
        lab.guest.succeed("touch /run/harness-go")
        lab.guest.wait_for_unit("patronusd.service", timeout_s=BOOT_LIMIT_S)
        assert lab.guest.succeed(look) == before
        lab.guest.succeed("patronus doctor", timeout_s=BOOT_LIMIT_S)


def _flip(lab: Lab) -> None:
    lab.guest.succeed(f"sed -i 's/^set address add 203/set address add 202/' {KEPT} && sync")


def _leave(lab: Lab) -> None:
    """Change nothing."""


@pytest.mark.parametrize(
    ("change", "order", "why"),
    [(_flip, (0, 1, 2), "not whole"), (_leave, (1, 0, 2), "the card .* is .* and was")],
    ids=["flipped", "shuffled"],
)
def test_what_is_not_as_it_was_opens_nothing(
    lab: Lab, change: Callable[[Lab], None], order: tuple[int, ...], why: str
) -> None:
    _prepare(lab)
    change(lab)
    nics = tuple(lab.nics[place] for place in order)
    with _booted(lab, dataclasses.replace(lab.machine, nics=nics)):
        assert "no head start" in lab.guest.succeed(f"{SAID} | grep '{why}'")
        assert lab.guest.succeed("nft list tables").split() == ["table", "inet", "patronus_lockdown"]
        assert lab.guest.succeed("cat /proc/sys/net/ipv4/ip_forward").strip() == "0"
        assert lab.guest.succeed("ip -br link show up | grep -v ^lo || :").strip() == ""
        lab.guest.succeed("touch /run/harness-go")
        lab.guest.wait_for_unit("patronusd.service", timeout_s=BOOT_LIMIT_S)
        assert "patronus_lockdown" not in lab.guest.succeed("nft list tables")
