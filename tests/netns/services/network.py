# SPDX-License-Identifier: GPL-2.0-or-later
"""A router with the real DHCP and DNS processes, a LAN for clients that no one here wrote, an upstream.

The features run in the test's process, in the place of patronusd. The servers run as a user without a single
capability; the DHCP server, as on the device, in a network namespace that has nothing in it.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface, IPv6Interface, IPv6Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from patronus.core.bus import Bus
from patronus.core.feature import Earlier, Plan
from patronus.core.model import Configuration
from patronus.core.verb import Caller, Nothing, Role
from patronus.kernel.host import Host, Places
from patronus.network.dhcp.model import Dhcp
from patronus.network.dhcp.service import DhcpFeature
from patronus.network.dhcp.verbs import LeaseInfo, ListLeases
from patronus.network.dns.model import Dns
from patronus.network.dns.service import DnsFeature
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.onlink import Advertised, OnLink
from patronus.network.interfaces.plan import InterfacesPlan
from tests.netns.lab import Namespace, connect

CHECKOUT = Path(__file__).parents[3]
ROOT = Caller("root", Role.ADMIN)
LONG_S = 120.0
"""A limit for what takes a second: machines differ, and several may share one."""
USER = 65533
"""A user id that owns nothing."""
UNPRIVILEGED = (
    "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--bounding-set=-all",
    "--inh-caps=-all", "--no-new-privs",
)  # fmt: skip
DHCP: dict[str, Any] = {
    "pools": [
        {"id": "lan", "interface": "lan", "ranges": ["192.168.1.100-192.168.1.199"], "lease_time": "1h"}
    ]
}
DNS: dict[str, Any] = {
    "listen": ["lan"],
    "upstreams": [{"id": "up", "address": "203.0.113.1"}],
    "records": [{"id": "nas", "name": "nas.home.arpa", "type": "A", "value": "192.168.1.30"}],
}
INTERFACES = {
    "interfaces": [
        {
            "id": "lan",
            "match": {"path": "lan0"},
            "zone": "lan",
            "ipv4": {"method": "static", "addresses": ["192.168.1.1/24"]},
            "ipv6": {"method": "static", "addresses": ["fd00:1::1/64"], "advertise": True},
        }
    ]
}
LINKS = InterfacesPlan(
    devices={"lan": "lan0"},
    addresses={"lan": (IPv4Interface("192.168.1.1/24"), IPv6Interface("fd00:1::1/64"))},
    advertised={"lan": Advertised((OnLink(IPv6Network("fd00:1::/64")),))},
)
WWW = "198.51.100.7"
DNSMASQ = (
    "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces", "--pid-file=",
    "--local-ttl=600", "--user=root", "--local=/example/", "--host-record=evil.example,192.168.1.30",
    "--txt-record=big.example," + ",".join("x" * 200 for _ in range(9)),
)  # fmt: skip


class Server:
    """One server process; may be killed and started again."""

    def __init__(self, name: str, namespace: Namespace, folder: Path, peer: str = "") -> None:
        self.name = name
        self._peer = peer or pwd.getpwuid(os.getuid()).pw_name
        self.run, self.state = folder / f"patronus-{name}", folder / f"state-{name}"
        self._namespace = namespace
        for place in (self.run, self.state):
            place.mkdir()
            os.chown(place, USER, USER)
        self.start()

    def start(self) -> None:
        """Start the process in its namespace, without privileges."""
        arguments = ["--state", str(self.state), "--control", str(self.run / "control.sock")]
        arguments += ["--peer", self._peer]
        command = [*UNPRIVILEGED, sys.executable, "-m", f"patronus.network.{self.name}.server", *arguments]
        with self._namespace:
            self.process = subprocess.Popen(command, cwd=CHECKOUT)
        wait_for(lambda: (self.run / "control.sock").exists())

    def kill(self) -> None:
        """End the process at once, without a chance to tidy up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        (self.run / "control.sock").unlink()

    def stop(self) -> int:
        """Ask the process to end and return its status."""
        self.process.terminate()
        return self.process.wait(LONG_S)


class Router:
    """The router's namespace, its two features and their servers."""

    def __init__(self, folder: Path) -> None:
        self.namespace, self.nowhere = Namespace(), Namespace()
        self.lan, self.wan = Namespace(), Namespace()
        self.plug()
        connect(self.namespace, "wan0", self.wan, "eth0")
        self.namespace.ip("addr add 203.0.113.2/24 dev wan0")
        self.wan.ip("addr add 203.0.113.1/24 dev eth0")
        self.bus = Bus()
        self.config = Configuration({})
        control = SimpleNamespace(observe=self.bus.observe, publish=self.bus.publish)
        (folder / "run").mkdir()
        host = cast("Host", SimpleNamespace(control=control, places=Places(state=folder, run=folder / "run")))
        self.dhcp_server = Server("dhcp", self.nowhere, folder)
        self.dns_server = Server("dns", self.namespace, folder)
        self.dns, self.dhcp = DnsFeature(host), DhcpFeature(host)
        self.ask_dns, self.ask_dhcp = self.dns.catalogue(), self.dhcp.catalogue()
        self._control = control
        self._running: dict[str, Plan] = {}

    def plug(self) -> None:
        """Join the LAN's device to the router."""
        connect(self.namespace, "lan0", self.lan, "eth0")
        self.namespace.ip("addr add 192.168.1.1/24 dev lan0")

    def apply(self, *, dhcp: dict[str, Any] = DHCP, dns: dict[str, Any] = DNS) -> list[str]:
        """Check, plan and apply as the engine does; return what was done."""
        self.config = self._control.config = Configuration(
            {
                "network/interfaces": Interfaces.model_validate(INTERFACES),
                "network/dhcp": Dhcp.model_validate(dhcp),
                "network/dns": Dns.model_validate(dns),
            }
        )
        done = []
        with self.namespace:
            for feature in (self.dhcp, self.dns):
                assert list(feature.check(self.config)) == []
                plan = feature.plan(self.config, feature.facts(), Earlier((LINKS,)))  # type: ignore[arg-type]
                for step in feature.steps(plan, self._running.get(feature.name)):  # type: ignore[arg-type]
                    step.do()
                    done.append(step.name)
                found = feature.observe(plan)  # type: ignore[arg-type]
                assert [item for item in found if item.refuses] == []
                self._running[feature.name] = plan
        return done

    def leases(self) -> list[LeaseInfo]:
        """Return what the verb lists."""
        return self.ask_dhcp.list_leases(ROOT, ListLeases()).leases

    def settled(self) -> None:
        """Wait until both servers are there and have their configuration."""
        wait_for(lambda: self.ask_dhcp.status(ROOT, Nothing()).devices == ["lan0"])
        wait_for(lambda: self.ask_dns.status(ROOT, Nothing()).running)

    def close(self) -> None:
        """End the servers; they must end well."""
        self.dhcp.close()
        self.dns.close()
        assert [self.dhcp_server.stop(), self.dns_server.stop()] == [0, 0]
        for namespace in (self.namespace, self.nowhere, self.lan, self.wan):
            namespace.close()

    @contextmanager
    def upstream(self, at: str = "203.0.113.1", www: str = WWW) -> Iterator[subprocess.Popen[bytes]]:
        """Run dnsmasq on the WAN, with an address for www.example."""
        with self.wan:
            process = subprocess.Popen(
                [*DNSMASQ, f"--listen-address={at}", f"--host-record=www.example,{www}"]
            )
        try:
            wait_for(lambda: dig(self.wan, "www.example", at=at) == [www])
            yield process
        finally:
            process.kill()
            process.wait()

    def wan_dig(self, name: str) -> list[str]:
        """Ask the upstream server itself."""
        return dig(self.wan, name, at="203.0.113.1")


def dig(namespace: Namespace, name: str, *options: str, at: str = "192.168.1.1") -> list[str]:
    """Return what dig prints with +short."""
    command = ["dig", "+short", "+time=8", "+tries=1", f"@{at}", name, *options]
    with namespace:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    return [line for line in found.stdout.splitlines() if not line.startswith(";")]


def status(namespace: Namespace, name: str, *options: str) -> str:
    """Return the code that dig sees: NOERROR, NXDOMAIN; empty where nobody answered."""
    with namespace:
        command = ["dig", "+time=8", "+tries=1", "@192.168.1.1", name, *options]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.partition("status: ")[2].partition(",")[0]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; it must."""
    end_s = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < end_s, "it never came true"
        time.sleep(0.02)
