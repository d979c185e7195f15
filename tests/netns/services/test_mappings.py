# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts ask miniupnpd for ports, with a client that no one here wrote; what comes passes our firewall or not.

miniupnpd runs as a user that has CAP_NET_ADMIN alone, with the table that its unit makes.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from patronus.core.errors import InvalidConfiguration, NotFound
from patronus.core.feature import Earlier
from patronus.core.model import Configuration
from patronus.core.verb import Caller, Nothing, Role
from patronus.kernel.host import Host
from patronus.kernel.units import UnitState
from patronus.network.mappings.plan import FOLDER, TABLE, MappingsPlan
from patronus.network.mappings.service import MappingsFeature
from patronus.network.mappings.verbs import EndMapping
from tests.golden.case import links
from tests.netns.firewall.driver import Firewall
from tests.netns.lab import Lab

ROOTFS = Path(__file__).parents[3] / "rootfs/usr/share/patronus/mappings.nft"
OUTSIDE, LONG_S = "198.51.100.2", 60.0
ROOT = Caller("root", Role.ADMIN)
ON = "outside: wan\ninside: [lan]\n"
CONFINED = (
    "setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", "--bounding-set=-all,+net_admin",
    "--inh-caps=-all,+net_admin", "--ambient-caps=+net_admin", "--no-new-privs",
)  # fmt: skip


class Router:
    """A router whose firewall and mappings are ours; stands in for systemd and the engine."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.firewall = Firewall(lab)
        self._folder = folder
        self._running: subprocess.Popen[bytes] | None = None
        self._plan: MappingsPlan | None = None
        places = SimpleNamespace(
            mappings=folder / "miniupnpd.conf", miniupnpd=folder, machine_id=folder / "none"
        )
        host = SimpleNamespace(units=self, places=places, nft=self.firewall.nft, control=self)
        self.feature = MappingsFeature(cast(Host, cast(Any, host)))

    @property
    def config(self) -> Configuration:
        return self.firewall.config

    def apply(self, mappings: str = "", **files: str) -> None:
        """Bring files in: the firewall, then miniupnpd."""
        self.firewall.apply(mappings=mappings, **files)
        plan = self.feature.plan(self.config, "0" * 32, Earlier((links(self.config, set()),)))
        for step in self.feature.steps(plan, self._plan):
            step.do()
        self._plan = plan
        assert list(self.feature.observe(plan)) == [] and self.feature.notice() is None

    def restart(self, _: str) -> None:
        """Do what the unit does, with its files in the test's folder."""
        self.stop("")
        (self._folder / "leases").unlink(missing_ok=True)
        path = self._folder / "own.conf"
        text = (self._folder / "miniupnpd.conf").read_text()
        path.write_text(text.replace(FOLDER, str(self._folder)))
        self.lab.router.run("nft", "-f", str(ROOTFS))
        command = [*CONFINED, "miniupnpd", "-d", "-f", str(path), "-P", str(self._folder / "pid")]
        with self.lab.router, (self._folder / "log").open("wb") as log:
            self._running = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self, _: str) -> None:
        """End it; its table goes with it."""
        if self._running is not None:
            self._running.terminate()
            self._running.wait(LONG_S)
            self._running = None
            self.lab.router.run("nft", "delete", "table", "inet", TABLE)

    def status(self, _: str) -> UnitState:
        """Tell whether it runs."""
        runs = self._running is not None and self._running.poll() is None
        return UnitState("active" if runs else "failed", "", "")

    def listed(self) -> list[tuple[str, int, str, int]]:
        """Return what the verb lists."""
        with self.lab.router:
            found = self.feature.list_mappings(ROOT, Nothing()).mappings
        return [(one.protocol, one.port, one.host, one.to_port) for one in found]

    def end(self, protocol: str, port: int) -> int:
        """End a mapping by the verb."""
        with self.lab.router:
            given = EndMapping.model_validate({"protocol": protocol, "port": port})
            return self.feature.end(ROOT, given).connections


@pytest.fixture
def router(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = Path(tmp_path_factory.mktemp("mappings"))
    for place in (folder, *folder.parents):
        if place.name.startswith(("pytest", "popen", "mappings")):
            place.chmod(0o777)
    made = Router(lab, folder)
    yield made
    made.stop("")


def asks(router: Router, *words: str, host: str = "lan") -> bool:
    """Let a host ask by UPnP for something, waiting until somebody listens; return whether it was given."""
    end = time.monotonic() + LONG_S
    gateway = {"lan": "192.168.1.1", "guest": "10.10.0.1"}[host]
    command = ["upnpc", "-u", f"http://{gateway}:5000/rootDesc.xml", *words]
    while True:
        with router.lab.hosts[host].namespace:
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LONG_S)
        if "IGD" in done.stdout and "No valid" not in done.stdout:
            return "is redirected to" in done.stdout
        if host != "lan" or time.monotonic() > end:
            return False
        time.sleep(0.1)


def reached(router: Router, port: int) -> bool:
    return router.lab.wan.reaches(OUTSIDE, port)


def test_a_host_has_the_port_that_it_asks_for_until_somebody_ends_it(router: Router) -> None:
    with ExitStack() as stack:
        stack.enter_context(router.lab.lan.serving(5555))
        router.apply(ON)
        assert not reached(router, 6000)
        assert asks(router, "-e", "a game", "-a", "192.168.1.30", "5555", "6000", "TCP", "3600")
        assert router.listed() == [("tcp", 6000, "192.168.1.30", 5555)]
        with router.lab.router:
            (told,) = router.feature.list_mappings(ROOT, Nothing()).mappings
        assert told.description == "a game" and told.until is not None
        stream = stack.enter_context(router.lab.wan.stream(OUTSIDE, 6000))
        assert stream.recv(100) == b"198.51.100.9\n"
        router.apply(ON, rules="rules:\n  - {id: r-1, protocol: tcp, destination_port: 25, action: drop}\n")
        stream.sendall(b"still there")
        assert stream.recv(100) == b"still there", "a commit of the firewall ends no mapped connection"
        assert reached(router, 6000), "nor the mapping"
        assert router.end("tcp", 6000) >= 1, "the stream, and perhaps what is left of the one before"
        assert router.listed() == [] and not reached(router, 6000)
        with pytest.raises(NotFound):
            router.end("tcp", 6000)


def test_nobody_has_ports_of_others_low_ones_or_those_that_were_not_allowed(router: Router) -> None:
    router.apply(ON + "allow:\n  - {id: few, hosts: [192.168.1.30], ports: 5000-6000}\n")
    assert asks(router, "-a", "192.168.1.30", "5555", "6000", "TCP")
    assert not asks(router, "-a", "192.168.1.30", "5555", "6001", "TCP")
    assert not asks(router, "-a", "192.168.1.30", "80", "5001", "TCP")
    assert not asks(router, "-a", "192.168.1.31", "5555", "5002", "TCP"), "for another host"
    assert not asks(router, "-a", "10.10.0.50", "5555", "5003", "TCP", host="guest")
    assert router.listed() == [("tcp", 6000, "192.168.1.30", 5555)]


def test_what_another_table_translates_passes_only_to_the_hosts_and_ports_that_may(router: Router) -> None:
    """The kernel's rule of a foreign table, whoever made it, is no way past the firewall."""
    with router.lab.lan.serving(5555), router.lab.lan.serving(80), router.lab.guest.serving(5555):
        router.apply(ON)
        for port, target in (
            (6000, "192.168.1.30:5555"),
            (6001, "192.168.1.30:80"),
            (6002, "10.10.0.50:5555"),
        ):
            rule = f"iif wan tcp dport {port} dnat ip to {target}"
            router.lab.router.run("nft", "add", "rule", "inet", TABLE, "mapped", *rule.split())
        assert [reached(router, port) for port in (6000, 6001, 6002)] == [True, False, False]
        router.apply(ON, rules="rules:\n  - {id: r-1, from: wan, protocol: tcp, action: drop}\n")
        assert not reached(router, 6000), "rules come first"


def test_turned_off_the_connections_go_too(router: Router) -> None:
    with router.lab.lan.serving(5555):
        router.apply(ON)
        assert asks(router, "-a", "192.168.1.30", "5555", "6000", "TCP")
        with router.lab.wan.stream(OUTSIDE, 6000) as stream:
            assert stream.recv(100)
            router.apply()
            stream.sendall(b"are you there?")
            stream.settimeout(1)
            with pytest.raises((TimeoutError, ConnectionError)):
                stream.recv(100)
        assert TABLE not in router.lab.router.run("nft", "list", "tables")
        assert not asks(router, "-l", host="guest")


def test_a_forward_without_a_rule_is_not_opened_by_a_permission(router: Router) -> None:
    entry = "{id: n-1, type: dnat, in: wan, destination_port: 8443, to: '192.168.1.30:%s', rule: false}"
    forward = f"nat:\n  - {entry}\n"
    with pytest.raises(InvalidConfiguration, match="the permission all"):
        router.apply(ON, nat=forward % 8080)
    router.apply(ON, nat=forward % 443)
