# SPDX-License-Identifier: GPL-2.0-or-later
"""The interfaces feature on real links: walk, rtnetlink and units helper are the real ones; systemd is not.

In systemd's place stands ``systemctl.py``, which starts what the unit files of the image say.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from patronus.core.bus import Event
from patronus.core.control import Control
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.model import Configuration, Strict
from patronus.core.state import StateFile
from patronus.core.verb import Caller, Nothing, Role
from patronus.core.walk import Prepared, Walk
from patronus.kernel.clock import SystemClock
from patronus.kernel.host import Host, Places
from patronus.kernel.netlink import Netlink
from patronus.kernel.units import Units
from patronus.kernel.units_server import UnitsServer
from patronus.network.advertising.service import AdvertisingFeature
from patronus.network.cards.service import CardsFeature
from patronus.network.dns.model import SECTION as DNS
from patronus.network.dns.model import Dns
from patronus.network.dns.plan import DnsPlan
from patronus.network.dns.plan import plan as plan_dns
from patronus.network.interfaces.model import SECTION, Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.interfaces.service import InterfacesFeature
from patronus.network.qos.model import SECTION as QOS
from patronus.network.qos.model import Qos
from patronus.network.qos.service import QosFeature
from patronus.network.qos.service import create as create_qos
from patronus.network.routing.model import SECTION as ROUTING
from patronus.network.routing.model import Routing
from patronus.network.routing.service import RoutingFeature
from patronus.network.uplinks.model import SECTION as UPLINKS
from patronus.network.uplinks.model import Uplinks
from patronus.network.uplinks.plan import UplinksPlan

SYSTEMCTL = Path(__file__).with_name("systemctl.py")
RUN = Path("/run/patronus")
MAILBOX = Path("/run/patronus-dhcpcd/changed.sock")
PATIENCE_S = 120.0


def eventually(found: Callable[[], Any], what: str) -> Any:
    """Return the first true answer; fail when there is none for long."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about")


@dataclass
class Engine:
    """As much of the engine as refresh needs: the running configuration, and the walk."""

    walk: Walk | None = None
    config: Configuration = field(default_factory=lambda: Configuration({}))
    running: dict[str, Plan] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    refreshes: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def apply(self, config: Configuration) -> Prepared:
        """Take a configuration through check, plan, rehearsal and steps."""
        assert self.walk is not None
        with self.lock:
            prepared = self.walk.prepare(config)
            self.walk.apply(prepared.plans, self.running)
            self.config, self.running = config, dict(prepared.plans)
            return prepared

    def refresh(self, reason: str) -> None:
        """Apply the running configuration again: the one that runs when it is this refresh's turn."""
        self.refreshes.append(reason)
        with self.lock:
            self.apply(self.config)

    def observe(self, observer: Callable[[Event], None]) -> None:
        """Tell nobody: here the configuration is set after the walk."""

    def publish(self, event: Event) -> None:
        """Keep the event."""
        self.events.append(event)


class Names(Feature[DnsPlan, None]):
    """Plans what DNS serves; the server itself is not started."""

    name = "dns"

    def facts(self) -> None:
        """Have no lists."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> DnsPlan:
        """Return what the server would be told."""
        return plan_dns(config, {}, earlier)

    def steps(self, plan: DnsPlan, running: DnsPlan | None) -> Iterator[Step]:
        """Do nothing."""
        return iter(())

    def observe(self, plan: DnsPlan) -> Iterator[Difference]:
        """Look at nothing."""
        return iter(())


class Router:
    """A router of interfaces and their advertisements alone, in the namespace of the thread that makes it."""

    def __init__(self, state: Path) -> None:
        folder = RUN.with_name("patronus-dhcpcd")
        folder.mkdir(exist_ok=True)
        RUN.mkdir(exist_ok=True)
        (RUN / "cards.json").unlink(missing_ok=True)
        self.engine = Engine()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(state / "units.sock"))
        listener.listen()
        os.environ["SYSTEMCTL_STATE"] = str(state)
        program = state / "systemctl"
        program.write_text(f'#!/bin/sh\nSYSTEMCTL_STATE={state} exec {sys.executable} {SYSTEMCTL} "$@"\n')
        program.chmod(0o755)
        server = UnitsServer(listener, peer=os.getuid(), systemctl=str(program))
        self._server = threading.Thread(target=server.serve, args=(PATIENCE_S * 3,), daemon=True)
        self._server.start()
        host = Host(
            netlink=Netlink(),
            nft=cast("Any", None),
            bpf=cast("Any", None),
            units=Units(state / "units.sock"),
            clock=SystemClock(),
            control=cast("Control", self.engine),
            state=StateFile(state / "runtime-state.json"),
            places=Places(run=RUN),
        )
        self.host = host
        self.feature = InterfacesFeature(host)
        self.cards = CardsFeature(host)
        self.advertising = AdvertisingFeature(host)
        self.routing = RoutingFeature(host)
        self.qos: QosFeature = create_qos(host)
        self.engine.walk = Walk([self.feature, self.cards, self.routing, self.qos, Names(), self.advertising])

    def apply(self, *items: dict[str, Any], **given: Any) -> Prepared:
        """Apply interfaces, static routes, policies of routing, uplinks, shapers, and what DNS serves."""
        prepared = self.engine.apply(self.configuration(*items, **given))
        shutil.chown(MAILBOX, "patronus")  # on the device the router and its client are one user
        return prepared

    def prepared(self, *items: dict[str, Any], **given: Any) -> Prepared:
        """Return what ``apply`` would bring in. Raises InvalidConfiguration."""
        assert self.engine.walk is not None
        return self.engine.walk.prepare(self.configuration(*items, **given))

    def configuration(
        self,
        *items: dict[str, Any],
        dns: Dns | None = None,
        routes: Sequence[dict[str, Any]] = (),
        policies: Sequence[dict[str, Any]] = (),
        uplinks: Sequence[dict[str, Any]] = (),
        shapers: Sequence[dict[str, Any]] = (),
    ) -> Configuration:
        """Return what ``apply`` applies."""
        model = Interfaces.model_validate({"interfaces": items})
        routing = Routing.model_validate({"routes": routes, "policies": policies})
        sections: dict[str, Strict] = {SECTION.path: model, DNS.path: dns or Dns(), ROUTING.path: routing}
        sections[UPLINKS.path] = Uplinks.model_validate({"uplinks": uplinks})
        sections[QOS.path] = Qos.model_validate({"shapers": shapers})
        return Configuration(sections)

    def ask(self, verb: str) -> Any:
        """Call a verb on routes that takes no parameters."""
        found = {one.name: one for one in self.routing.verbs()}[verb]
        return found.handler(Caller("root", Role.ADMIN), Nothing())

    @property
    def plan(self) -> InterfacesPlan:
        """Return the plan that runs."""
        return cast("InterfacesPlan", self.engine.running["interfaces"])

    def pending(self) -> list[str]:
        """Return the names of the steps that the running plan would still need."""
        return [step.name for step in self.feature.steps(self.plan, self.plan)]

    def differences(self) -> list[str]:
        """Return what is not as planned."""
        routing = cast("UplinksPlan", self.engine.running["routing"])
        found = (*self.feature.observe(self.plan), *self.routing.observe(routing))
        return [one.what for one in found]

    def close(self) -> None:
        """Stop all clients and the watch."""
        self.apply()
        self.feature.stop()
        self.routing.stop()
        self.advertising.stop()
