# SPDX-License-Identifier: GPL-2.0-or-later
"""A router that speaks BGP and OSPF, and its neighbour: FRR as well, with files that no one here renders."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from patronus.core.errors import NotFound
from patronus.core.model import Configuration
from patronus.core.verb import Caller, Nothing, Role
from patronus.core.walk import AnyFeature, Prepared, Walk
from patronus.firewall.model import Zones
from patronus.firewall.service import FirewallFeature
from patronus.kernel.bpf import Bpf
from patronus.kernel.nft import Nft
from patronus.kernel.vty import Vty
from patronus.network.dynamic.service import DynamicFeature
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.service import InterfacesFeature
from patronus.network.routing.model import Routing
from patronus.network.routing.service import RoutingFeature
from patronus.secrets.resolve import SecretsFeature
from tests.netns.interfaces.router import Router
from tests.netns.lab import Namespace

OURS, THEIRS, STRANGER = "10.0.0.1", "10.0.0.2", "10.0.0.3"
FRR = Path("/run/frr")
OTHER = FRR / "other"
CONFIGURATION = Path("/run/patronus-frr")


class Kept:
    """Secrets that a person gave."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def versions(self) -> dict[str, str]:
        return {name: secret[::-1] for name, secret in self.secrets.items()}

    def read(self, name: str) -> bytes:
        if name not in self.secrets:
            raise NotFound(f"there is no secret {name}")
        return self.secrets[name].encode()


class Speaking(Router):
    """Interfaces, routes, BGP, OSPF and the firewall, in the namespace of the thread that makes it."""

    there: Namespace

    def __init__(self, state: Path, namespace: Namespace) -> None:
        for folder, group in ((FRR, "frr"), (CONFIGURATION, "frr"), (OTHER, "frr")):
            folder.mkdir(exist_ok=True)
            shutil.chown(folder, "root" if folder == CONFIGURATION else "frr", group)
        CONFIGURATION.chmod(0o2750)
        super().__init__(state)
        self.namespace = namespace
        self.kept = Kept()
        host = replace(self.host, nft=Nft(), bpf=Bpf(Path("/nonexistent")), secrets=self.kept)
        self.host = host
        self.feature, self.routing, self.dynamic = (
            InterfacesFeature(host), RoutingFeature(host), DynamicFeature(host),
        )  # fmt: skip
        features: list[AnyFeature] = [
            SecretsFeature(host),
            self.feature,
            self.routing,
            self.dynamic,
            FirewallFeature(host),
        ]
        self.engine.walk = Walk(features)

    def speak(self, **routing: Any) -> Prepared:
        """Apply a router with one network at the neighbour's side, ``side``, and one at its own, ``lan``."""
        static = {"side": [f"{OURS}/24"], "lan": ["10.1.0.1/16"]}
        interfaces = []
        for role, addresses in static.items():
            mac = json.loads(self.namespace.ip(f"-json link show {role}"))[0]["address"]
            ipv6 = {"method": "static", "addresses": [f"fd00:{len(role)}::1/64"]}
            interfaces.append(
                {"id": role, "match": {"mac": mac}, "zone": role,
                 "ipv4": {"method": "static", "addresses": addresses}, "ipv6": ipv6}
            )  # fmt: skip
        return self.engine.apply(
            Configuration(
                {
                    "network/interfaces": Interfaces.model_validate({"interfaces": interfaces}),
                    "network/routing": Routing.model_validate(routing),
                    "firewall/zones": Zones.model_validate({"zones": [{"id": "side"}, {"id": "lan"}]}),
                }
            )
        )

    def asked(self, verb: str) -> Any:
        """Call a verb on neighbours."""
        found = {one.name: one for one in self.dynamic.verbs()}[verb]
        return found.handler(Caller("root", Role.ADMIN), Nothing())

    def neighbor(self) -> Any:
        """Return the first neighbour as the verb tells it, None where there is none."""
        return next(iter(self.asked("routing.Neighbors").neighbors), None)

    def up(self) -> bool:
        """Return whether the first neighbour is up."""
        found = self.neighbor()
        return found is not None and found.up

    def learned(self, family: str = "-4") -> set[str]:
        """Return the destinations of the kernel's routes that FRR brought."""
        rows = json.loads(self.namespace.ip(f"{family} -json route show table main"))
        return {row["dst"] for row in rows if row.get("protocol") in ("bgp", "ospf")}

    def unlike(self) -> list[str]:
        """Return what the daemons run other than planned."""
        return [one.what for one in self.dynamic.observe(self.dynamic._plan)]

    def close(self) -> None:
        """Stop the daemons and the rest."""
        self.speak()
        self.dynamic.stop()
        super().close()


class Other:
    """The neighbour's daemons, in its namespace."""

    def __init__(self, namespace: Namespace, files: dict[str, str]) -> None:
        self.vty = Vty(OTHER)
        self._running: list[subprocess.Popen[bytes]] = []
        for name, text in {"zebra": "", **files}.items():
            path = OTHER / f"{name}.conf"
            path.write_text(text)
            with namespace:
                command = [
                    f"/usr/lib/frr/{name}",
                    "-N",
                    "other",
                    "-f",
                    str(path),
                    "-P",
                    "0",
                    "-A",
                    "127.0.0.1",
                ]
                self._running.append(
                    subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                )

    def close(self) -> None:
        """End them."""
        for one in self._running:
            os.kill(one.pid, signal.SIGTERM)
            one.wait(60)
