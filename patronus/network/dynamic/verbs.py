# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about routes from other routers, and the events that tell of neighbours. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import Field

from patronus.core.bus import Event
from patronus.core.errors import KernelError, Unavailable
from patronus.core.verb import Caller, Nothing, Result, Verb
from patronus.network.dynamic.neighbors import Heard, of_bgp, of_ospf, of_ospf3, of_table
from patronus.network.dynamic.plan import BGPD, OSPF6D, OSPFD, ZEBRA, DynamicPlan


@dataclass(frozen=True)
class NeighborUp(Event):
    """A router speaks with us: its routes come in."""

    kind: ClassVar[str] = "neighbor-up"
    protocol: str
    neighbor: str


@dataclass(frozen=True)
class NeighborDown(Event):
    """A router does not speak with us any more; the routes that it told are gone."""

    kind: ClassVar[str] = "neighbor-down"
    protocol: str
    neighbor: str
    reason: str


class Daemons(Protocol):
    """FRR's daemons, as far as they are asked. Both raise KernelError and Unavailable."""

    def ask_json(self, daemon: str, command: str) -> Any:
        """Return what a daemon says."""

    def wrong_passwords(self) -> int:
        """Return how many packets of TCP the kernel threw away for their password."""


class NeighborInfo(Result):
    """A neighbour, and how it is."""

    protocol: str = Field(description="bgp, ospf or ospf3")
    id: str = Field(description="its name in the file; of OSPF its router id")
    address: str
    interface: str | None
    remote_as: int | None
    up: bool
    state: str = Field(description="the protocol's own word: established, active, full, …")
    since_s: float | None = Field(description="for how many seconds it has been up")
    received: int | None = Field(description="routes of it that were taken")
    sent: int | None = Field(description="routes that it was told")
    reason: str | None = Field(description="why it is not up, or was not the last time")


class NeighborList(Result):
    """The neighbours: of BGP in the order of the file, then those that OSPF hears."""

    neighbors: list[NeighborInfo]
    silent: list[str] = Field(description="daemons that should run and do not answer, and why")


class LearnedRoute(Result):
    """A route that a neighbour told."""

    destination: str
    protocol: str
    gateways: list[str]
    devices: list[str]
    distance: int
    metric: int
    taken: bool = Field(description="whether the kernel has it; a route of the router's own goes before it")


class LearnedRoutes(Result):
    """The routes that neighbours told, IPv4 first."""

    routes: list[LearnedRoute]
    more: bool = Field(description="whether there are more than are listed")


MOST_ROUTES = 10_000


class RouterVerbs:
    """Answers about neighbours; ``plan`` is the one that runs."""

    def __init__(self, daemons: Daemons, plan: Callable[[], DynamicPlan]) -> None:
        self._daemons = daemons
        self._plan = plan

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs."""
        return (
            Verb("routing.Neighbors", Nothing, NeighborList, self.neighbors, route="GET /routing/neighbors"),
            Verb("routing.Table", Nothing, LearnedRoutes, self.table, route="GET /routing/table"),
        )

    def neighbors(self, _: Caller, __: Nothing) -> NeighborList:
        """List the routers that BGP and OSPF are spoken with, and why one is not up."""
        found, silent = heard(self._daemons, self._plan())
        return NeighborList(neighbors=[NeighborInfo(**vars(one)) for one in found], silent=silent)

    def table(self, _: Caller, __: Nothing) -> LearnedRoutes:
        """List the routes that other routers told."""
        if ZEBRA not in self._plan().daemons:
            return LearnedRoutes(routes=[], more=False)
        routes = [
            LearnedRoute(**{**vars(one), "gateways": list(one.gateways), "devices": list(one.devices)})
            for command in (
                "show ip route bgp",
                "show ip route ospf",
                "show ipv6 route bgp",
                "show ipv6 route ospf6",
            )
            for one in of_table(self._daemons.ask_json(ZEBRA, command))
        ]
        return LearnedRoutes(routes=routes[:MOST_ROUTES], more=len(routes) > MOST_ROUTES)


def heard(daemons: Daemons, plan: DynamicPlan) -> tuple[list[Heard], list[str]]:
    """Return the neighbours, and which daemons do not answer."""
    found: list[Heard] = []
    silent: list[str] = []
    questions: Mapping[str, Callable[[], Iterable[Heard]]] = {
        BGPD: lambda: of_bgp(plan, daemons.ask_json(BGPD, "show bgp neighbors"), daemons.wrong_passwords()),
        OSPFD: lambda: of_ospf(plan, daemons.ask_json(OSPFD, "show ip ospf neighbor")),
        OSPF6D: lambda: of_ospf3(plan, daemons.ask_json(OSPF6D, "show ipv6 ospf6 neighbor")),
    }
    for name, asked in questions.items():
        if name in plan.daemons:
            try:
                found += asked()
            except (KernelError, Unavailable) as error:
                silent.append(str(error))
    return found, silent
