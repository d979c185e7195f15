# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory: the shipped image between a WAN, a LAN and a DMZ, and clients that no one here wrote."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from image.build import disk
from qemu.guest import Guest, shell_credentials
from qemu.internet import ADDRESS, ADDRESS6, Internet
from qemu.machine import Machine, Nic
from qemu.topology import Host, Topology
from qemu.vm import Vm
from tests.vm.slots import copy

LAN_ADDRESS = "192.168.1.1"
UP = "up"
_ANY_TIME = b"[Service]\nTimeoutStartSec=infinity\nWatchdogSec=0\n"
PATIENCE = {
    "systemd.unit-dropin.patronusd.service~harness": _ANY_TIME,
    "systemd.unit-dropin.patronus-dhcp.service~harness": _ANY_TIME,
    "systemd.unit-dropin.patronus-dns.service~harness": _ANY_TIME,
}
"""The guest's clock leaps when a snapshot is restored: to systemd the daemon was silent all that time. And
where nothing accelerates, two machines on two busy cores may start a unit more slowly than systemd's 90 s."""
BOOT_LIMIT_S = 600.0
_DHCPCD = 'mount --bind {memory} /var/lib/dhcpcd && mount -t tmpfs none /run && exec dhcpcd "$@"'
"""With a memory of its own: who remembers another test's lease asks for that, in vain, for five seconds."""
ON_TRIAL = "/boot/EFI/Linux/*+*"
"""What the boot loader counts the tries of."""
DOOR = "/run/patronus/patronus.sock"
"""There when the daemon is about to be ready; looking for it costs the starting router nothing."""


def image_under_test() -> Path:
    """Return the image under test: the standard profile's, unless PATRONUS_IMAGE names another."""
    return Path(os.environ.get("PATRONUS_IMAGE") or disk("standard"))


class Lab:
    """One router, booted once with the factory's settings, and the networks around it."""

    def __init__(self, net: Topology, folder: Path, image: Path) -> None:
        self.lan, self.wan, self.dmz = net.segment("lan"), net.segment("wan"), net.segment("dmz")
        self.server = self.wan.host("server", f"{ADDRESS}/24", f"{ADDRESS6}/64")
        self.scanner = self.wan.host("scanner", "203.0.113.2/24")
        self.client = self.lan.host("client")
        self.other = self.lan.host("other")
        self.internet = Internet(self.server)
        self.nics = (self.lan.nic(), self.wan.nic(), self.dmz.nic())
        credentials = {**shell_credentials(), **PATIENCE}
        self.machine = Machine(image, nics=self.nics, credentials=credentials, secure_boot=True)
        self.vm = Vm(self.machine, folder=folder)
        self._memories = folder / "dhcpcd"
        self.console_at_rest = ""
        """What the console had shown at the snapshot; a test's own boots write on in the same log."""

    @property
    def guest(self) -> Guest:
        """The root shell inside the router."""
        return self.vm.guest

    def take_or_boot(self, kept: Path) -> None:
        """Take the router that another process booted and kept there, else boot it and keep it there.

        It is off afterwards; ``fresh`` goes on where the snapshot was taken.
        """
        places = self.vm.places
        files = (places.disk, places.variables, places.serial_log)
        if kept.exists():
            for file in files:
                copy(kept / file.name, file)
        else:
            self.boot()
            unfinished = kept.with_suffix(".new")
            unfinished.mkdir()
            for file in files:
                copy(file, unfinished / file.name)
            unfinished.rename(kept)
        self.console_at_rest = self.vm.console()

    def boot(self) -> None:
        """Boot for the first time, keep how the router is once it is up and has proved itself; switch off."""
        self.vm.start()
        self.wait_up()
        self._wait_settled()
        self.guest.wait_until_succeeds(f"! compgen -G '{ON_TRIAL}'", timeout_s=BOOT_LIMIT_S)
        self.vm.save(UP)
        self.vm.qmp.execute("quit")
        self.vm.wait_off()

    def wait_started(self) -> None:
        """Wait until the router has applied a generation and answers."""
        self.guest.wait_ready(timeout_s=BOOT_LIMIT_S)
        self.guest.wait_until_succeeds(f"[ -S {DOOR} ]", timeout_s=BOOT_LIMIT_S)
        self.guest.wait_for_unit("patronusd.service", timeout_s=BOOT_LIMIT_S)

    def wait_up(self) -> None:
        """Wait until the router has started, all its services too, and it has an address on its WAN."""
        self.wait_started()
        self.guest.wait_for_unit("multi-user.target", timeout_s=BOOT_LIMIT_S)
        self.guest.wait_until_succeeds(f"ip -4 -o address | grep -q {LAN_ADDRESS}/24", timeout_s=180)
        self.guest.wait_until_succeeds("ip -4 -o address | grep -q ' 203.0.113.'", timeout_s=180)

    def _wait_settled(self) -> None:
        """Wait until the ruleset stays as it is: addresses that come late, after DAD, enter its sets."""
        look = "nft --stateless list ruleset"
        eventually(lambda: self.guest.succeed(f"{look}; sleep 3") == self.guest.succeed(look), timeout_s=180)

    def link(self, nic: Nic) -> str:
        """Return the kernel's name of a NIC in the running router."""
        return self.guest.succeed(
            f"basename $(dirname $(grep -l {nic.mac} /sys/class/net/*/address))"
        ).strip()

    def fresh(self) -> None:
        """Go back to the moment when the router had just come up; the clients forget what they had."""
        if self.vm.machine != self.machine:
            self.vm.cut_power()
            self.vm.machine = self.machine
        self.vm.restore(UP)
        for host in (self.client, self.other):
            host.succeed(["ip", "address", "flush", "dev", host.link])
            host.succeed(["ip", "neigh", "flush", "all"])
        shutil.rmtree(self._memories, ignore_errors=True)
        self.internet.web.visitors.clear()

    def pause(self) -> None:
        """Let the router rest, so that tests that boot one of their own have the processor."""
        if self.vm.pid is not None:
            self.vm.qmp.execute("stop")

    def restart(self, *, machine: Machine | None = None) -> None:
        """Switch on again after the power was cut, and wait until the router is up."""
        self.vm.start(machine=machine)
        self.wait_up()

    def wan_address(self) -> str:
        """Return the router's address on the WAN."""
        said = self.guest.succeed("ip -4 -o address | grep -o 'inet 203.0.113.[0-9]*'")
        return said.split()[1]

    def lease(self, host_name: str = "client") -> str:
        """Let a LAN host ask for a lease with dhcpcd; return the address."""
        host = {"client": self.client, "other": self.other}[host_name]
        host.succeed(self.asking(host, "--persistent", "--waitip=4", "--timeout", "30"), timeout_s=45)
        (address,) = host.addresses()
        return address

    def asking(self, host: Host, *options: str) -> list[str]:
        """Return how a host asks for a lease with dhcpcd: at once, and for one that it had in this test."""
        memory = self._memories / host.namespace.name
        memory.mkdir(parents=True, exist_ok=True)
        own = ["unshare", "--mount", "sh", "-c", _DHCPCD.format(memory=memory), "dhcpcd"]
        return [*own, "--oneshot", "--ipv4only", "--noarp", "--nodelay", *options, host.link]


def eventually(check: Callable[[], object], *, timeout_s: float = 20.0) -> None:
    """Wait until a check is true; fail with its last value."""
    deadline = time.monotonic() + timeout_s
    while not (value := check()):
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {value!r}"
        time.sleep(0.3)
