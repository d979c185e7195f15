# SPDX-License-Identifier: GPL-2.0-or-later
"""Seconds of the guest's clock from kernel start to forwarding and to the admin page, against a bare Debian.

Boots the image of the standard profile in QEMU between a LAN and a WAN in namespaces, the WAN's address
static; every figure is a second boot (the first one also makes the data partition, the keys and the head
start). The peer is the same kernel, initrd and root with every unit of Patronus skipped (a condition that
fails, put in by credential), to ``multi-user.target``: what remains is Debian.

Forwarding is a packet: a host on the LAN sends a datagram to one on the WAN every 20 ms from power-on, and
what counts is when the first comes out there, with the router's own source address. A visitor on the LAN
wants the admin page from power-on, too: as soon as the router takes the connection they wait for its answer,
as a browser does. The host's clock is brought to the guest's by asking the guest, afterwards, when its
kernel started; before, nothing is asked of it, since a shell that looks whether a unit is there takes its
processor time. The third row is patronusd's word that the generation runs, read back: until then what passes
does so by the head start (docs/decisions/head-start.md).
"""

from __future__ import annotations

import json
import os
import platform
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from image.build import PROFILES, disk
from image.host import CHECKOUT
from qemu.capture import packet_socket
from qemu.errors import Timeout
from qemu.guest import shell_credentials
from qemu.machine import Machine
from qemu.run import describe
from qemu.topology import Host, Topology
from qemu.vm import Vm
from tests.bench.rows import Row, compare, table, write

UNITS = CHECKOUT / "rootfs/usr/lib/systemd/system"
RUNS = int(os.environ.get("BENCH_BOOTS", "3"))
LIMIT_S = 400.0
MICROSECOND = 1e-6
PERIOD_S = 0.02
CONNECT_S, AGAIN_S = 0.5, 0.1
"""How long the visitor waits for a connection, and until the next try; for the answer they wait on."""
CLOCK_LOOKS = 5
REQUEST = b"GET / HTTP/1.1\r\nHost: router\r\nConnection: close\r\n\r\n"
LARGEST = 2048
ROUTER, CLIENT, SERVER, UPLINK = "192.168.1.1", "192.168.1.50", "203.0.113.1", "203.0.113.200"
MARKER = b"a datagram of the bench"
STATIC = f"""cd /etc/patronus/network
sed -i 's|{{method: dhcp}}|{{method: static, addresses: [{UPLINK}/24], gateway: {SERVER}}}|' interfaces.yaml
sed -i 's|{{method: dhcp, .*|{{method: none}}|; s|{{method: delegated, .*|{{method: none}}|' interfaces.yaml
sed -i '/^upstreams:/,/^  - /d' dns.yaml
until patronus config load; do sleep 1; done
until grep -q 'address add {UPLINK}' /var/lib/patronus/head-start; do sleep 1; done"""


def without_patronus() -> dict[str, bytes]:
    """Return the credentials by which systemd skips every unit of Patronus."""
    skip = b"[Unit]\nConditionPathExists=/nonexistent\n"
    return {f"systemd.unit-dropin.{path.name}~bench": skip for path in sorted(UNITS.glob("patronus*.*"))}


def reached_s(vm: Vm, unit: str) -> float:
    """Return the seconds from kernel start to the unit's becoming active; waits for it. Raises Timeout."""
    vm.guest.wait_ready(timeout_s=LIMIT_S)
    vm.guest.wait_for_unit(unit, timeout_s=LIMIT_S)
    shown = vm.guest.succeed(f"systemctl show --value -p ActiveEnterTimestampMonotonic {unit}")
    return int(shown) * MICROSECOND


def daemon_s(vm: Vm) -> float:
    """Return the seconds from kernel start to patronusd's word that packets pass; waits for READY=1."""
    reached_s(vm, "patronusd.service")
    entries = vm.guest.succeed("journalctl -b -u patronusd.service -o json --grep 'runs, packets pass'")
    return int(json.loads(entries.splitlines()[0])["__MONOTONIC_TIMESTAMP"]) * MICROSECOND


def uptime_s(vm: Vm) -> float:
    """Return the guest's seconds since kernel start, now."""
    return float(vm.guest.succeed("cut -d' ' -f1 /proc/uptime"))


def kernel_start_s(vm: Vm) -> float:
    """Return the host's ``time.monotonic`` at the guest's kernel start, by the quickest answer."""
    looks = []
    for _ in range(CLOCK_LOOKS):
        before_s = time.monotonic()
        up_s = uptime_s(vm)
        after_s = time.monotonic()
        looks.append((after_s - before_s, (before_s + after_s) / 2 - up_s))
    return min(looks)[1]


class Stream:
    """Datagrams from a host inside to one outside, and when the first came out there, ``time.monotonic``."""

    def __init__(self, client: Host, server: Host, router_mac: str) -> None:
        packet = IP(src=CLIENT, dst=SERVER) / UDP(sport=5000, dport=5001) / MARKER
        self._frame = bytes(Ether(src=client.mac(), dst=router_mac) / packet)
        self._client, self._server = client, server
        self._end, self._came = threading.Event(), threading.Event()
        self._first = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send and listen from ``with`` until its end."""
        threads = [threading.Thread(target=work) for work in (self._listen, self._send)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in threads:
                thread.join()

    def _send(self) -> None:
        with packet_socket(self._client.namespace, self._client.link) as wire:
            while not self._end.wait(PERIOD_S) and not self._came.is_set():
                wire.send(self._frame)

    def _listen(self) -> None:
        with packet_socket(self._server.namespace, self._server.link) as wire:
            wire.settimeout(1.0)
            while not self._end.is_set():
                try:
                    frame = wire.recv(LARGEST)
                except TimeoutError:
                    continue
                if MARKER in frame and Ether(frame)[IP].src == UPLINK:
                    self._first = time.monotonic()
                    self._came.set()
                    return

    def first(self) -> float:
        """Return when the first datagram came out, in the host's time; waits for it. Raises Timeout."""
        if not self._came.wait(LIMIT_S):
            raise Timeout(f"nothing was forwarded in {LIMIT_S:.0f} s")
        return self._first


class Visitor:
    """Somebody on the LAN who wants the page, and when they had an answer, ``time.monotonic``."""

    def __init__(self, client: Host) -> None:
        self._client = client
        self._end, self._came = threading.Event(), threading.Event()
        self._answered = 0.0
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE  # the router has made its own certificate

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Ask from ``with`` until its end."""
        thread = threading.Thread(target=lambda: self._client.inside(self._ask))
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()

    def _ask(self) -> None:
        while not self._end.wait(AGAIN_S):
            try:
                status = self._status()
            except (OSError, ValueError, IndexError):
                continue
            assert status < HTTPStatus.INTERNAL_SERVER_ERROR, status
            self._answered = time.monotonic()
            self._came.set()
            return

    def _status(self) -> int:
        """Return the status of the page. Raises OSError, ValueError, IndexError where there is no answer."""
        with socket.create_connection((ROUTER, 443), timeout=CONNECT_S) as plain:
            plain.settimeout(LIMIT_S / 2)
            with self._context.wrap_socket(plain) as link:
                link.sendall(REQUEST)
                return int(link.recv(LARGEST).split(b" ", 2)[1])

    def answered(self) -> float:
        """Return when the page answered, in the host's time; waits for it. Raises Timeout."""
        if not self._came.wait(LIMIT_S):
            raise Timeout(f"no admin page in {LIMIT_S:.0f} s")
        return self._answered


def machine(image: Path, port: int, *, memory_mib: int, extra: Mapping[str, bytes] | None = None) -> Machine:
    """Return the machine of ``make run`` with the harness's shell, closed to the outside."""
    plain = describe(image, port, wan_open=False, memory_mib=memory_mib)
    return replace(plain, credentials=shell_credentials() | dict(extra or {}))


def power_off(vm: Vm) -> None:
    """Let the guest switch itself off."""
    vm.guest.execute("systemctl poweroff --no-block")
    vm.wait_off()


def measure(image: Path) -> list[Row]:
    """Boot once for the first boot's sake, then ours and the peer in turns."""
    forwarding, page, daemon, multi_user = [], [], [], []
    with Topology() as net:
        lan, wan = net.segment("lan"), net.segment("wan")
        client, server = lan.host("client", f"{CLIENT}/24"), wan.host("server", f"{SERVER}/24")
        nics = (lan.nic(), wan.nic())
        ours = Machine(image, nics=nics, memory_mib=1024, cpus=2, credentials=shell_credentials())
        bare = replace(ours, credentials=shell_credentials() | without_patronus())
        with Vm(ours) as vm:
            vm.start()
            reached_s(vm, "patronusd.service")
            vm.guest.succeed(STATIC, timeout_s=LIMIT_S)
            power_off(vm)
            for _ in range(RUNS):
                stream, visitor = Stream(client, server, nics[0].mac), Visitor(client)
                with stream.running(), visitor.waiting():
                    vm.start(machine=ours)
                    times = (stream.first(), visitor.answered())
                daemon.append(daemon_s(vm))
                start = kernel_start_s(vm)
                forwarding.append(times[0] - start)
                page.append(times[1] - start)
                power_off(vm)
                vm.start(machine=bare)
                multi_user.append(reached_s(vm, "multi-user.target"))
                assert vm.guest.execute("systemctl is-active patronusd.service").code != 0, (
                    "the peer is not bare"
                )
                version = vm.guest.succeed("uname -r").strip()
                power_off(vm)
    note = f"QEMU without KVM on {os.cpu_count()} CPUs of {platform.machine()}; second boots, static WAN"
    peer = ("bare Debian, multi-user", version, multi_user)
    return [
        compare("boot-to-forwarding", "s", forwarding, *peer, goal=1.3, note=note),
        compare("boot-to-admin-page", "s", page, *peer, goal=1.8, note=note),
        compare("boot-to-daemon", "s", daemon, *peer, goal=None, note=note),
    ]


def main() -> int:
    """Measure, print and write; 1 when a goal is missed."""
    profile = sys.argv[1] if len(sys.argv) > 1 else "standard"
    if profile not in PROFILES:
        sys.exit(f"no such profile: {profile}")
    rows = measure(disk(profile))
    print(table(rows))
    print(write("boot", rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
