# SPDX-License-Identifier: GPL-2.0-or-later
"""Two providers of IPv6 that announce themselves and delegate a prefix each: who sends what by which of them.

dnsmasq announces, dhcpcd listens, the kernel says the way.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.netns.interfaces.delegating import Delegating
from tests.netns.interfaces.providers import QUICK
from tests.netns.interfaces.router import Router, eventually
from tests.netns.interfaces.test_links import mac
from tests.netns.lab import Namespace, connect

WORLD = "2001:db8:feed::9"
PREFIXES = {"wan": "2001:db8:aa00::/56", "spare": "2001:db8:bb00::/56"}
UPLINKS = [{"id": "wan", **QUICK}, {"id": "spare", "tier": 2, **QUICK}]


class Provider:
    """One that says on the link that it is a router, and delegates a prefix."""

    def __init__(self, router: Namespace, role: str, number: int, folder: Path) -> None:
        self.namespace = Namespace()
        connect(router, role, self.namespace, "isp")
        for remembered in Path("/var/lib/dhcpcd").glob(f"{role}.lease*"):
            remembered.unlink()
        self.namespace.ip(f"-6 address add 2001:db8:{number}::1/64 dev isp nodad")
        self.namespace.run("nft", "add table ip6 silence")
        self.namespace.run("nft", "add chain ip6 silence echoes { type filter hook input priority 0; }")
        self.delegating = Delegating(self.namespace, PREFIXES[role])
        argv = [
            "dnsmasq", "--conf-file=/dev/null", "--no-daemon", "--port=0", "--interface=isp", "--no-resolv",
            "--bind-interfaces", "--enable-ra", f"--dhcp-range=2001:db8:{number}::,ra-only,64,1h",
            f"--dhcp-leasefile={folder}/{role}.leases",
        ]  # fmt: skip
        with self.namespace:
            self._announcing = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def fail(self) -> None:
        """Answer no echo any more, with the cable plugged in and all that was announced."""
        self.namespace.run("nft", "add rule ip6 silence echoes icmpv6 type echo-request drop")

    def mend(self) -> None:
        """Answer again."""
        self.namespace.run("nft", "flush", "chain", "ip6", "silence", "echoes")

    def close(self) -> None:
        """End both servers."""
        self._announcing.terminate()
        self._announcing.wait()
        self.delegating.close()
        self.namespace.close()


@pytest.fixture
def providers(namespace: Namespace, tmp_path: Path) -> Iterator[dict[str, Provider]]:
    """Wire the router to both, and to a LAN."""
    connect(namespace, "lan", namespace, "host")
    namespace.sysctl("net.ipv6.conf.all.forwarding", "1")
    found = {role: Provider(namespace, role, number, tmp_path) for number, role in enumerate(PREFIXES, 1)}
    yield found
    for one in found.values():
        one.close()


def interfaces(namespace: Namespace) -> list[dict[str, Any]]:
    """Return two uplinks, and a network that is numbered from the second one's prefix."""
    outside = {"method": "slaac", "prefix_delegation": {"hint": 56}}
    inside = {"method": "delegated", "from": "spare", "subnet": 1}
    asked = {"wan": ("wan", outside), "spare": ("wan", outside), "lan": ("lan", inside)}
    return [
        {"id": role, "match": {"mac": mac(namespace, role)}, "zone": zone, "ipv6": ipv6}
        for role, (zone, ipv6) in asked.items()
    ]


def way(namespace: Namespace, source: str) -> str:
    """Return by which device the kernel would forward a packet of the LAN from there to the world."""
    said = namespace.ip(f"-6 -json route get {WORLD} from {source} iif lan")
    return str(json.loads(said)[0]["dev"])


def states(router: Router) -> dict[str, tuple[str, bool]]:
    """Return uplink → its state, and whether new connections go by it."""
    return {one.id: (one.state, one.taken) for one in router.ask("uplinks.List").uplinks}


def test_uplinks_that_announce_themselves_are_taken_and_each_carries_its_own_prefix(
    router: Router, namespace: Namespace, providers: dict[str, Provider]
) -> None:
    router.apply(*interfaces(namespace), uplinks=UPLINKS)
    eventually(lambda: states(router) == {"wan": ("up", True), "spare": ("up", False)}, "both uplinks")
    learned = eventually(
        lambda: all(one.prefixes for one in router.plan.learned.values()) and router.plan.learned, "prefixes"
    )
    assert {str(one.gateway6)[:4] for one in learned.values()} == {"fe80"}
    assert all(any(str(own).startswith("2001:db8:") for own in one.addresses) for one in learned.values())
    of_wan, of_spare, of_nobody = "2001:db8:aa00:1::7", "2001:db8:bb00:1::7", "fd00:9::7"
    eventually(lambda: way(namespace, of_spare) == "spare", "the way of the prefix that spare gave")
    assert (way(namespace, of_wan), way(namespace, of_nobody)) == ("wan", "wan")
    assert router.differences() == []
    providers["wan"].fail()
    eventually(lambda: states(router) == {"wan": ("down", False), "spare": ("up", True)}, "the fail-over")
    eventually(lambda: way(namespace, of_nobody) == "spare", "the other uplink")
    assert way(namespace, of_wan) == "spare", "it goes where it may be translated"
    providers["wan"].mend()
    eventually(lambda: way(namespace, of_wan) == way(namespace, of_nobody) == "wan", "the way back")
    assert way(namespace, of_spare) == "spare"
    router.apply(*interfaces(namespace))
    assert way(namespace, of_spare) == "wan", "without uplinks the first default route decides"
