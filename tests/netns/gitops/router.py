# SPDX-License-Identifier: GPL-2.0-or-later
"""A router with the real engine, verbs and socket, whose kernel is a folder; the process is the real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from patronus.client import Client
from patronus.core.bus import Event
from patronus.core.control import NoSecrets
from patronus.core.errors import NotAuthenticated, NotFound
from patronus.core.parts import Parts
from patronus.core.state import StateFile
from patronus.core.varlink import Message
from patronus.core.verb import Caller, Role
from patronus.daemon.config_verbs import ConfigVerbs
from patronus.daemon.control import LateControl
from patronus.daemon.gitops.judge import USER
from patronus.daemon.gitops.repository import GRANT, RepositoryVerbs
from patronus.daemon.gitops.service import GitOpsFeature
from patronus.daemon.peer import Peer
from patronus.daemon.server import Server
from patronus.daemon.table import VerbTable
from patronus.kernel.host import Host, Places
from patronus.kernel.units import UnitState
from tests.netns.lab import Namespace
from tests.unit.core.router import Router

CHECKOUT = Path(__file__).parents[3]
PROCESS = Peer(USER, Role.NONE, trusted_origin=False, grant=GRANT)
ROOT = Peer("root", Role.ADMIN, trusted_origin=False)


@dataclass
class Units:
    """systemd: what runs."""

    running: set[str] = field(default_factory=set)

    def start(self, unit: str) -> None:
        self.running.add(unit)

    def stop(self, unit: str) -> None:
        self.running.discard(unit)

    def status(self, unit: str) -> UnitState:
        return UnitState("active" if unit in self.running else "inactive", "", "")


class Held(NoSecrets):
    """What somebody has given with ``patronus secret set``."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def read(self, name: str) -> bytes:
        if name not in self.values:
            raise NotFound(f"there is no secret {name}")
        return self.values[name]


class GitRouter(Router):
    """The small router of the engine's tests with the section gitops, its verbs and a socket."""

    def parts(self) -> Parts:
        parts = super().parts()
        self.units = Units()
        self.control = LateControl(parts.bus)
        self.secrets = Held()
        host = Host(
            netlink=cast("Any", None), nft=cast("Any", None), bpf=cast("Any", None),
            units=cast("Any", self.units),
            clock=self.clock, control=self.control, state=StateFile(self.root / "var/state.json"),
            places=Places.below(self.root), secrets=self.secrets,
        )  # fmt: skip
        self.host = host
        return replace(parts, features=[GitOpsFeature(host), *parts.features])

    def serve(self, where: Namespace) -> None:
        """Boot and answer on two sockets: as root, and as the fetching process."""
        self.where = where
        self.control.attach(self.engine)
        verbs = [
            *RepositoryVerbs(self.engine, self.host).verbs(),
            *ConfigVerbs(self.engine, self.clock).verbs(),
        ]
        self.table = VerbTable(verbs, _nobody, self.engine._parts.audit)
        self.servers = []
        for peer, name in ((ROOT, "root.sock"), (PROCESS, "process.sock")):
            server = Server(self.root / name, self._answer(peer))
            server.start()
            self.servers.append(server)

    def _answer(self, peer: Peer) -> Any:
        def answer(_: Peer, method: str, parameters: dict[str, Any]) -> Iterator[Message]:
            yield {"parameters": self.table.call(peer, method, parameters)}

        return answer

    def call(self, verb: str, **parameters: Any) -> dict[str, Any]:
        with Client(self.root / "root.sock") as client:
            return client.call(verb, parameters)

    def configure(self, url: str, **more: Any) -> None:
        """Name the repository, as an administrator does."""
        text = json.dumps({"url": url, "confirm": "60s", **more})
        self.call("config.Load", files={"gitops.json": text})

    def fetch(
        self, *, apply: bool = False, prefix: tuple[str, ...] = (), code: int | None = None
    ) -> dict[str, Any]:
        """Ask for a run, run the real process as the unit does, and return the status after it."""
        self.call("gitops.Sync", apply=apply)
        before = self.call("gitops.Status")["runs"]
        process = self.launch(prefix)
        self.said = process.communicate(timeout=120)[1]
        assert "Traceback" not in self.said, self.said
        status = self.call("gitops.Status")
        assert status["runs"] == before + 1, self.said
        assert code is None or process.returncode == code, self.said
        return status

    def launch(self, prefix: tuple[str, ...] = (), settle_s: float = 0.05) -> subprocess.Popen[str]:
        """Start the process as the unit does."""
        command = [
            *prefix, sys.executable, "-m", "patronus.gitops", "--socket", str(self.root / "process.sock"),
            "--state", str(self.root / "gitops"), "--settle", str(settle_s),
        ]  # fmt: skip
        (self.root / "gitops").mkdir(exist_ok=True)
        with self.where:
            return subprocess.Popen(
                command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            )  # fmt: skip

    def kinds(self) -> list[str]:
        """Return the kinds of the events of the repository so far."""
        return [event.kind for event in self.events if event.kind.startswith("gitops")]

    def event(self, kind: str) -> Event:
        return next(event for event in reversed(self.events) if event.kind == kind)

    def close(self) -> None:
        for server in self.servers:
            server.stop()


def _nobody(token: str, origin: str) -> Caller:
    raise NotAuthenticated("no sessions here")
