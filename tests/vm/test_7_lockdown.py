# SPDX-License-Identifier: GPL-2.0-or-later
"""From power-on until the first good generation nothing from the WAN comes out on the LAN.

The router's links are brought up and its forwarding switched on early, by a unit given as a credential:
the lockdown ruleset alone stands between the two. The same with the lockdown left out shows that it does.
"""

import dataclasses
import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from qemu.capture import Capture, packet_socket
from tests.vm.lab import BOOT_LIMIT_S, Lab, eventually

MARKER = b"a stream from the other side"
TARGET = "192.168.1.50"
PERIOD_S = 0.05
_EARLY = """[Unit]
DefaultDependencies=no
ConditionPathExists=!/etc/initrd-release
After=patronus-lockdown.service
Before=network-pre.target patronusd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/bash -ec 'cd /sys/class/net; until [ -e {lan} ] && [ -e {wan} ]; do sleep 0.1; done; \\
 ip link set {lan} up; ip link set {wan} up; ip address add 192.168.1.2/24 dev {lan}; \\
 ip address add 203.0.113.200/24 dev {wan}; sysctl -w net.ipv4.ip_forward=1; sleep 8'
"""
_NOTHING: Mapping[str, bytes] = MappingProxyType({})
_NEVER = "[Unit]\nConditionPathExists=/nonexistent\n"


@contextmanager
def stream(lab: Lab) -> Iterator[Capture]:
    """Send the stream from the WAN to a LAN host until the end; all of it must be seen on the WAN's tap."""
    frame = bytes(
        Ether(dst=lab.nics[1].mac, src=lab.server.mac())
        / IP(src="203.0.113.1", dst=TARGET)
        / UDP(sport=5000, dport=5001)
        / MARKER
    )
    stop = threading.Event()
    sent = itertools.count()

    def send() -> None:
        with packet_socket(lab.server.namespace, lab.server.link) as wire:
            while not stop.wait(PERIOD_S):
                wire.send(frame)
                next(sent)

    sender = threading.Thread(target=send)
    with lab.wan.capture() as wan:
        sender.start()
        try:
            yield wan
        finally:
            stop.set()
            sender.join()
        total = next(sent)
        eventually(lambda: len(wan.frames(lambda seen: seen == frame)) == total)


def test_nothing_comes_out_on_the_lan_while_the_router_starts(lab: Lab) -> None:
    with _starting(lab) as (wan, lan):
        lab.wait_started()
        seen = wan.count(MARKER)
        eventually(lambda: wan.count(MARKER) > seen + 20)
        lab.guest.succeed("systemctl show -p Result --value harness-early.service | grep -x success")
        assert lan.count(MARKER) == 0
        lab.guest.succeed("patronus rules add --from wan --to lan --protocol udp --port 5001 --action allow")
        eventually(lambda: lan.count(MARKER) > 0)


def test_without_the_lockdown_it_does(lab: Lab) -> None:
    left_out = {"systemd.unit-dropin.patronus-lockdown.service~harness": _NEVER.encode()}
    with _starting(lab, left_out) as (_, lan):
        eventually(lambda: lan.count(MARKER) > 0, timeout_s=BOOT_LIMIT_S)


@contextmanager
def _starting(lab: Lab, more: Mapping[str, bytes] = _NOTHING) -> Iterator[tuple[Capture, Capture]]:
    """Start the router anew under the stream; yield what is seen on its WAN and on its LAN."""
    lab.client.succeed(["ip", "address", "add", f"{TARGET}/24", "dev", lab.client.link])
    early = _EARLY.format(lan=lab.link(lab.nics[0]), wan=lab.link(lab.nics[1]))
    credentials = {
        **lab.machine.credentials,
        "systemd.extra-unit.harness-early.service": early.encode(),
        "systemd.unit-dropin.sysinit.target~harness": b"[Unit]\nWants=harness-early.service\n",
        **more,
    }
    lab.vm.cut_power()
    with stream(lab) as wan, lab.lan.capture() as lan:
        lab.vm.start(machine=dataclasses.replace(lab.machine, credentials=credentials))
        yield wan, lan
