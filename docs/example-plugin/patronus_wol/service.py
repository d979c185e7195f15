# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin inside patronusd: its place in the walk of a change, and its verbs."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import Field

from patronus.core.control import CommitReport
from patronus.core.edit import Insert
from patronus.core.errors import KernelError, NotFound, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration, as_data
from patronus.core.problem import Problem
from patronus.core.values import Id
from patronus.core.verb import Caller, Done, Nothing, Parameters, Result, Role, Verb
from patronus.kernel.host import Host
from patronus_wol import plan as plans
from patronus_wol.model import SECTION, Target
from patronus_wol.plan import Sleeper, WakePlan, magic_packet


class TargetInfo(Result):
    """One machine."""

    id: str
    name: str
    mac: str
    reachable: bool = Field(description="whether the router's own network card for it is there")


class TargetList(Result):
    """All machines, in the order of the file."""

    targets: list[TargetInfo]


class Named(Parameters):
    """Names a machine."""

    id: Id


class AddTarget(Parameters):
    """A machine to add."""

    target: Target


class WakeFeature(Feature[WakePlan, None]):
    """Sends magic packets; needs nothing of the kernel but a socket."""

    name = "wol"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._running = WakePlan()

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the section."""
        return plans.check(config)

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> WakePlan:  # noqa: ARG002
        """Return whom the router can wake."""
        return plans.plan(config, earlier)

    def steps(self, plan: WakePlan, running: WakePlan | None) -> Iterator[Step]:  # noqa: ARG002
        """Take the plan into use."""
        before = self._running
        if before != plan:
            yield Step("machines to wake", lambda: self._use(plan), lambda: self._use(before))

    def observe(self, plan: WakePlan) -> Iterator[Difference]:
        """Compare what is in use with the plan."""
        if self._running != plan:
            yield Difference("machines to wake", str(plan.sleepers), str(self._running.sleepers))

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs; all of them lie in the interface that has the plugin's name."""
        path = "/plugins/wol/targets"
        operator = Role.OPERATOR
        return [
            Verb("wol.List", Nothing, TargetList, self._list, route=f"GET {path}"),
            Verb("wol.Add", AddTarget, CommitReport, self._add, operator, f"POST {path}", changes=True),
            Verb("wol.Wake", Named, Done, self._wake, operator, f"POST {path}/{{id}}/wake", changes=True),
        ]

    def _use(self, plan: WakePlan) -> None:
        self._running = plan

    def _list(self, caller: Caller, given: Nothing) -> TargetList:  # noqa: ARG002
        """List the machines that the router can wake."""
        sleepers = self._running.sleepers
        return TargetList(
            targets=[
                TargetInfo(id=one.id, name=one.name, mac=one.mac, reachable=one.device is not None)
                for one in sleepers
            ]
        )

    def _add(self, caller: Caller, given: AddTarget) -> CommitReport:
        """Add a machine; a change of the configuration like any other."""
        edit = Insert(SECTION.path, ("targets",), as_data(given.target))
        return CommitReport.of(self._host.control.submit([edit], caller))

    def _wake(self, caller: Caller, given: Named) -> Done:  # noqa: ARG002
        """Wake a machine."""
        found = next((one for one in self._running.sleepers if one.id == given.id), None)
        if found is None:
            raise NotFound(f"there is no machine {given.id}")
        _send(found, self._running.port)
        return Done()


def _send(sleeper: Sleeper, port: int) -> None:
    if sleeper.device is None:
        raise Unavailable(f"the network card on whose network {sleeper.id} sleeps is missing")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sleeper.device.encode())
            sender.sendto(magic_packet(sleeper.mac), ("255.255.255.255", port))
    except OSError as error:
        raise KernelError(f"{sleeper.id} could not be woken through {sleeper.device}: {error}") from error


def create(host: Host) -> WakeFeature:
    """Make the feature; called once by the daemon."""
    return WakeFeature(host)
