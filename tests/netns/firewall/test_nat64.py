# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that has IPv6 alone reaches IPv4 by tayga where both halves may pass, and not where one may not.

tayga runs as a user without any capability, on the device that our netlink code makes.
"""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from patronus.core.embedded import embed
from patronus.core.feature import Earlier
from patronus.core.link import LinkSettings, LinkWanted, Route
from patronus.core.verb import Caller, Nothing, Role
from patronus.kernel.host import Host
from patronus.kernel.netlink import Netlink
from patronus.kernel.tun import OWNER
from patronus.kernel.units import UnitState
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.translator import led_to
from patronus.network.nat64.plan import FOLDER, Nat64Plan
from patronus.network.nat64.service import Nat64Feature
from tests.golden.case import links
from tests.netns.firewall.driver import INTERFACES, Firewall
from tests.netns.lab import Lab

LONG_S = 60.0
DEVICE = "nat64"
PREFIX = IPv6Network("fd00:64::/96")
TRANSLATING = f"""{INTERFACES}
  - {{id: nat64, nat64: {{prefix: "{PREFIX}", pool: 192.168.255.0/24}}, zone: nat64}}
"""
OUTWARDS = """
zones:
  - {id: wan}
  - {id: lan, to: {nat64: allow}}
  - {id: guest}
  - {id: nat64, to: {wan: allow}}
"""
NAT = "nat: [{id: n-1, type: masquerade, out: wan}]"
ROOT = Caller("root", Role.ADMIN)


class Router:
    """A router whose firewall and translator are ours; stands in for systemd and the engine."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.firewall = Firewall(lab)
        self._folder = folder
        self._running: subprocess.Popen[bytes] | None = None
        self._plan: Nat64Plan | None = None
        places = SimpleNamespace(nat64=folder / "tayga.conf", tayga=folder)
        self.feature = Nat64Feature(cast(Host, cast(Any, SimpleNamespace(units=self, places=places))))

    def apply(self, zones: str = OUTWARDS, **files: str) -> None:
        """Bring files in: the firewall, the link with its routes, then tayga."""
        self.firewall.apply(interfaces=TRANSLATING, zones=zones, nat=NAT, **files)
        config = self.firewall.config
        assert list(self.feature.check(config)) == []
        if self._plan is None:
            self._connect(config.get(Interfaces))
        plan = self.feature.plan(config, None, Earlier((links(config, set()),)))
        for step in self.feature.steps(plan, self._plan):
            step.do()
        self._plan = plan
        assert list(self.feature.observe(plan)) == [] and self.feature.notice() is None
        end = time.monotonic() + LONG_S
        while not self.link().carrier:
            said = (self._folder / "log").read_text()
            assert time.monotonic() < end and self.status("").running, said
            time.sleep(0.05)

    def _connect(self, model: Interfaces) -> None:
        netlink = Netlink()
        with self.lab.router:
            netlink.create_link(LinkWanted(DEVICE, DEVICE, "nat64"))
            netlink.configure_link(DEVICE, LinkSettings(up=True))
            for item in model.interfaces:
                for network in led_to(item.nat64) if item.nat64 is not None else ():
                    netlink.add_route(Route(network, DEVICE, None, 103))

    def link(self) -> Any:
        """Return the device as we read it back."""
        with self.lab.router:
            return next(one for one in Netlink().links() if one.name == DEVICE)

    def restart(self, _: str) -> None:
        """Do what the unit does, with its files in the test's folder, on a device node as udev makes it."""
        self.stop("")
        path, node = self._folder / "own.conf", self._folder / "tun"
        text = (self._folder / "tayga.conf").read_text()
        path.write_text(text.replace(FOLDER, str(self._folder)))
        if not node.exists():
            os.mknod(node, 0o20666, os.makedev(10, 200))
            node.chmod(0o666)
        owner = pwd.getpwnam(OWNER).pw_uid
        script = (
            f"mount --bind {node} /dev/net/tun && exec setpriv --reuid={owner} --regid={owner} "
            f"--clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs tayga -d --config {path}"
        )
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
        with self.lab.router, (self._folder / "log").open("wb") as log:
            self._running = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self, _: str) -> None:
        """End it."""
        if self._running is not None:
            self._running.terminate()
            self._running.wait(LONG_S)
            self._running = None

    def status(self, _: str) -> UnitState:
        """Tell whether it runs."""
        runs = self._running is not None and self._running.poll() is None
        return UnitState("active" if runs else "failed", "", "")


@pytest.fixture
def router(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    if not Path("/sys/class/misc/tun").exists():
        pytest.skip("the kernel of this machine has no tun devices")
    if OWNER not in {one.pw_name for one in pwd.getpwall()}:
        subprocess.run(["useradd", "--system", "--user-group", OWNER], check=True)
    folder = Path(tmp_path_factory.mktemp("nat64"))
    for place in (folder, *folder.parents):
        if place.name.startswith(("pytest", "popen", "nat64")):
            place.chmod(0o777)
    lab.lan.namespace.ip("-4 address flush dev eth0")
    made = Router(lab, folder)
    yield made
    made.stop("")


def six(address: str) -> str:
    return str(embed(PREFIX, IPv4Address(address)))


def pings(lab: Lab, host: str, to: str) -> bool:
    with lab.hosts[host].namespace:
        command = ["ping", "-6", "-c", "2", "-i", "0.2", "-W", "2", to]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def sends(lab: Lab, to: str, port: int) -> str | None:
    """Return from where a datagram of the host inside comes out at the one outside, once it is answered."""
    here, there = lab.lan.namespace, lab.wan.namespace
    with there.socket(4, socket.SOCK_DGRAM) as inbox, here.socket(6, socket.SOCK_DGRAM) as outbox:
        inbox.bind((lab.wan.ipv4, port))
        inbox.settimeout(3.0)
        outbox.settimeout(3.0)
        outbox.sendto(b"question", (to, port))
        try:
            said, source = inbox.recvfrom(100)
            inbox.sendto(b"answer to " + said, source)
            assert outbox.recv(100) == b"answer to question"
        except TimeoutError:
            return None
    return str(source[0])


def test_a_host_without_ipv4_reaches_it_by_tcp_udp_and_echo(router: Router) -> None:
    router.apply()
    lab, there = router.lab, six(router.lab.wan.ipv4)
    with lab.wan.serving(80):
        stream = lab.lan.stream(there, 80)
        with stream, stream.makefile("rb") as said:
            assert said.readline() == b"198.51.100.2\n"  # the router's, by the masquerade
            stream.sendall(b"x" * 50_000)
            stream.settimeout(LONG_S)
            assert said.read(50_000) == b"x" * 50_000
    assert sends(lab, there, 5000) == "198.51.100.2"
    assert pings(lab, "lan", there)
    with lab.router:
        found = router.feature.status(ROOT, Nothing())
    assert (found.running, found.interface, found.prefix) == (True, DEVICE, str(PREFIX))
    assert (router.link().kind, router.link().ours, router.link().up) == ("nat64", True, True)


@pytest.mark.parametrize(
    "zones",
    [
        pytest.param(OUTWARDS.replace("{nat64: allow}", "{wan: allow}"), id="not to the translator"),
        pytest.param(OUTWARDS.replace("{id: nat64, to: {wan: allow}}", "{id: nat64}"), id="not behind it"),
    ],
)
def test_where_one_half_may_not_pass_nothing_does(router: Router, zones: str) -> None:
    router.apply(zones)
    lab, there = router.lab, six(router.lab.wan.ipv4)
    with lab.wan.serving(80):
        assert not lab.lan.reaches(there, 80)
    assert sends(lab, there, 5000) is None
    assert not pings(lab, "lan", there)
    router.apply()
    assert pings(lab, "lan", there)


def test_it_is_no_way_past_the_zones(router: Router) -> None:
    """Others may not use it, it leads to no zone but those said, and nobody outside comes in by it."""
    router.apply()
    lab, there = router.lab, six(router.lab.wan.ipv4)
    assert pings(lab, "lan", there)
    assert not pings(lab, "guest", there)
    with lab.guest.serving(80):
        assert not lab.lan.reaches(six(lab.guest.ipv4), 80)
    assert not pings(lab, "lan", six("192.168.1.1"))
    lab.wan.namespace.ip("route add 192.168.255.0/24 via 198.51.100.2")
    with lab.lan.serving(80, version=6):
        assert not lab.wan.reaches("192.168.255.2", 80)
        assert not pings(lab, "wan", six("10.10.0.50"))


def test_a_rule_says_which_hosts_of_ipv4_by_their_addresses_in_the_prefix(router: Router) -> None:
    lab, there = router.lab, six(router.lab.wan.ipv4)
    rule = f"rules: [{{id: r, from: lan, to: nat64, destination: '{there}', action: drop}}]"
    router.apply(rules=rule)
    assert not pings(lab, "lan", there)
    router.apply(rules=rule.replace("drop", "allow"), zones=OUTWARDS.replace("{nat64: allow}", "{}"))
    assert pings(lab, "lan", there)


def test_a_restart_of_the_translator_keeps_whose_address_is_whose(router: Router) -> None:
    router.apply()
    there = six(router.lab.wan.ipv4)
    assert pings(router.lab, "lan", there)
    router.restart("")
    assert pings(router.lab, "lan", there) or pings(router.lab, "lan", there)
    router.stop("")
    found = router.feature.status(ROOT, Nothing())
    assert [(one.ipv6, one.ipv4[:12]) for one in found.hosts] == [("fd00:1::30", "192.168.255.")]
    assert not pings(router.lab, "lan", there)
