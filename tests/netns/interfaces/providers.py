# SPDX-License-Identifier: GPL-2.0-or-later
"""A router between a host and two providers, behind which is one world; all of them are namespaces.

The world's server says to each client by which address it came, and so by which provider.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from patronus.core.model import Configuration
from patronus.core.walk import Walk
from patronus.firewall.model import Nat, Protection, Rules, Zones
from patronus.firewall.service import FirewallFeature
from patronus.kernel.bpf import Bpf
from patronus.kernel.nft import Nft
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.service import InterfacesFeature
from patronus.network.routing.model import Routing
from patronus.network.routing.service import RoutingFeature
from patronus.network.uplinks.model import Uplinks
from tests.netns.interfaces.router import Router
from tests.netns.lab import Host, Namespace, connect

WORLD, HOST = "192.0.2.9", "192.168.1.30"
PROVIDERS = {"wan": ("198.51.100.1", "198.51.100.2"), "spare": ("203.0.113.1", "203.0.113.2")}
"""Uplink → its gateway and the router's own address."""
QUICK = {"interval": "1s", "timeout": "1s", "down_after": 1, "up_after": 1, "fail_back": "0s"}


class Internet:
    """Two providers, the world and the host, around the router's namespace."""

    def __init__(self, router: Namespace) -> None:
        self.router = router
        self.world = Host(Namespace(), WORLD, "")
        self.lan = Host(Namespace(), HOST, "")
        self.providers = {role: Namespace() for role in PROVIDERS}
        self.world.namespace.ip(f"address add {WORLD}/32 dev lo")
        connect(router, "lan", self.lan.namespace, "eth0")
        self.lan.namespace.ip(f"address add {HOST}/24 dev eth0")
        self.lan.namespace.ip("route add default via 192.168.1.1")
        for number, (role, (gateway, _)) in enumerate(PROVIDERS.items(), 1):
            self._connect(role, number, gateway)

    def _connect(self, role: str, number: int, gateway: str) -> None:
        provider, world = self.providers[role], self.world.namespace
        connect(self.router, role, provider, "eth0")
        connect(provider, "eth1", world, role)
        provider.sysctl("net.ipv4.ip_forward", "1")
        provider.sysctl("net.ipv4.conf.eth0.rp_filter", "1")  # what others gave out has no business here
        provider.ip(f"address add {gateway}/24 dev eth0")
        provider.ip(f"address add 10.0.{number}.1/24 dev eth1")
        world.ip(f"address add 10.0.{number}.2/24 dev {role}")
        provider.ip(f"route add {WORLD}/32 via 10.0.{number}.2")
        world.ip(f"route add {gateway.rpartition('.')[0]}.0/24 via 10.0.{number}.1")

    def fail(self, role: str) -> None:
        """Let a provider answer nobody any more, while its cable stays plugged in."""
        self.providers[role].ip("link set eth1 down")
        self.providers[role].ip(f"address del {PROVIDERS[role][0]}/24 dev eth0")

    def mend(self, role: str) -> None:
        """Let it answer again."""
        gateway, number = PROVIDERS[role][0], list(PROVIDERS).index(role) + 1
        provider = self.providers[role]
        provider.ip(f"address add {gateway}/24 dev eth0")
        provider.ip("link set eth1 up")
        provider.ip(f"route replace {WORLD}/32 via 10.0.{number}.2")

    def close(self) -> None:
        """End all namespaces but the router's."""
        for namespace in (self.world.namespace, self.lan.namespace, *self.providers.values()):
            namespace.close()


class Uplinked(Router):
    """A router of interfaces, routing and firewall, in the namespace of the thread that makes it."""

    def __init__(self, state: Path, namespace: Namespace) -> None:
        super().__init__(state)
        self.namespace = namespace
        host = replace(self.host, nft=Nft(), bpf=Bpf(Path("/nonexistent")))
        self.host = host
        self.feature, self.routing = InterfacesFeature(host), RoutingFeature(host)
        self.firewall = FirewallFeature(host)
        self.engine.walk = Walk([self.feature, self.routing, self.firewall])

    def start(
        self,
        *uplinks: dict[str, Any],
        nat: list[dict[str, Any]] | None = None,
        rules: list[dict[str, Any]] | None = None,
        protection: dict[str, Any] | None = None,
        **routing: Any,
    ) -> None:
        """Apply a router with two ways out, which lets the host out and translates."""
        self.engine.apply(self.configured(*uplinks, nat=nat, rules=rules, protection=protection, **routing))

    def configured(
        self,
        *uplinks: dict[str, Any],
        nat: list[dict[str, Any]] | None = None,
        rules: list[dict[str, Any]] | None = None,
        protection: dict[str, Any] | None = None,
        **routing: Any,
    ) -> Configuration:
        """Return what ``start`` applies."""
        masquerade = {"id": "out", "type": "masquerade", "out": "wan"}
        return Configuration(
            {
                "network/interfaces": Interfaces.model_validate({"interfaces": list(self._interfaces())}),
                "network/routing": Routing.model_validate(routing),
                "network/uplinks": Uplinks.model_validate({"uplinks": uplinks}),
                "firewall/zones": Zones.model_validate(
                    {"zones": [{"id": "wan"}, {"id": "lan", "to": {"wan": "allow"}}]}
                ),
                "firewall/rules": Rules.model_validate({"rules": rules or []}),
                "firewall/protection": Protection.model_validate(protection or {}),
                "firewall/nat": Nat.model_validate({"nat": [masquerade, *(nat or [])]}),
            }
        )

    def _interfaces(self) -> Iterator[dict[str, Any]]:
        static: dict[str, dict[str, Any]] = {"lan": {"addresses": ["192.168.1.1/24"]}}
        for role, (gateway, own) in PROVIDERS.items():
            static[role] = {"addresses": [f"{own}/24"], "gateway": gateway}
        for role, given in static.items():
            mac = json.loads(self.namespace.ip(f"-json link show {role}"))[0]["address"]
            zone = "lan" if role == "lan" else "wan"
            yield {"id": role, "match": {"mac": mac}, "zone": zone, "ipv4": {"method": "static", **given}}

    def taken(self) -> list[str]:
        """Return the uplinks by which new connections go."""
        return [one.id for one in self.ask("uplinks.List").uplinks if one.taken]


class Talk:
    """An open connection of the host to the world."""

    def __init__(self, lan: Host, port: int = 7) -> None:
        self._stream = lan.stream(WORLD, port)
        self.source_port: int = self._stream.getsockname()[1]
        self._stream.settimeout(20.0)
        self.came_by = self._read(b"\n").decode().strip()

    def _read(self, end: bytes) -> bytes:
        found = b""
        while not found.endswith(end):
            data = self._stream.recv(100)
            if not data:
                raise ConnectionError("the other end has closed")
            found += data
        return found

    def goes_on(self) -> bool:
        """Return whether words come back."""
        try:
            self._stream.sendall(b"still there\n")
            return self._read(b"there\n") == b"still there\n"
        except OSError:
            return False

    def close(self) -> None:
        """Hang up."""
        self._stream.close()


@contextmanager
def talking(lan: Host, port: int = 7) -> Iterator[Talk]:
    """Lend a connection."""
    with ExitStack() as stack:
        talk = Talk(lan, port)
        stack.callback(talk.close)
        yield talk
