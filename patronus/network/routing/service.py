# SPDX-License-Identifier: GPL-2.0-or-later
"""The routes inside patronusd: the section and its verbs; the steps are those of the links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from patronus.core.control import CommitReport
from patronus.core.edit import Edit, Insert, Remove, Replace
from patronus.core.errors import NotFound
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.link import Route
from patronus.core.model import Configuration, as_data
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.kernel.host import Host
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.routing.check import check
from patronus.network.routing.model import SECTION, Routing, StaticRoute
from patronus.network.routing.verbs import AddRoute, Change, RemoveRoute, ReplaceRoute, RouteInfo, RouteList


@dataclass(frozen=True)
class RoutingPlan(Plan):
    """Id → route of those that stand, and id → reason of those that wait, as the links' plan has them."""

    standing: Mapping[str, Route] = field(default_factory=dict)
    waiting: Mapping[str, str] = field(default_factory=dict)


class RoutingFeature(Feature[RoutingPlan, None]):
    """Static routes, as people write and read them."""

    name = "routing"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._plan = RoutingPlan()

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the routes."""
        return check(config)

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> RoutingPlan:  # noqa: ARG002
        """Return which routes stand, and which wait."""
        links = earlier.find(InterfacesPlan) or InterfacesPlan()
        return RoutingPlan(standing=links.static, waiting=links.waiting)

    def steps(self, plan: RoutingPlan, running: RoutingPlan | None) -> Iterator[Step]:  # noqa: ARG002
        """Do nothing but remember: the links brought their routes along."""
        self._plan = plan
        return iter(())

    def observe(self, plan: RoutingPlan) -> Iterator[Difference]:  # noqa: ARG002
        """Leave it to the links, which compare the routes too."""
        return iter(())

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on routes."""
        changing: dict[str, Any] = {"role": Role.ADMIN, "changes": True}
        return (
            Verb("routing.List", Nothing, RouteList, self.list, route="GET /routes"),
            Verb("routing.Add", AddRoute, CommitReport, self.add, route="POST /routes", **changing),
            Verb(
                "routing.Replace",
                ReplaceRoute,
                CommitReport,
                self.replace,
                route="PUT /routes/{id}",
                **changing,
            ),
            Verb(
                "routing.Remove",
                RemoveRoute,
                CommitReport,
                self.remove,
                route="DELETE /routes/{id}",
                **changing,
            ),
        )

    def list(self, _: Caller, __: Nothing) -> RouteList:
        """List the static routes, whether each stands, and why it waits."""
        present = set(self._host.netlink.snapshot().routes)
        return RouteList(routes=[self._info(item, present) for item in self._configured()])

    def _info(self, item: StaticRoute, present: set[Route]) -> RouteInfo:
        route, reason = self._plan.standing.get(item.id), self._plan.waiting.get(item.id)
        standing = "active" if route in present else "missing"
        return RouteInfo(
            id=item.id,
            destination=str(item.destination),
            type=item.type,
            gateway=str(item.gateway) if item.gateway else None,
            interface=item.interface,
            device=(route.device or None) if route else None,
            metric=item.metric,
            state="off" if not item.enabled else standing if route else "waiting",
            reason=reason,
            configuration=as_data(item),
        )

    def add(self, caller: Caller, given: AddRoute) -> CommitReport:
        """Add a static route."""
        edit = Insert(SECTION.path, ("routes",), _written(given))
        return self._commit(edit, caller, given, f"add route to {given.destination}")

    def replace(self, caller: Caller, given: ReplaceRoute) -> CommitReport:
        """Change a static route; its id stays."""
        self._find(given.id)
        edit = Replace(SECTION.path, ("routes", given.id), _written(given))
        return self._commit(edit, caller, given, f"change route {given.id}")

    def remove(self, caller: Caller, given: RemoveRoute) -> CommitReport:
        """Remove a static route."""
        self._find(given.id)
        edit = Remove(SECTION.path, ("routes", given.id))
        return self._commit(edit, caller, given, f"remove route {given.id}")

    def _commit(self, edit: Edit, caller: Caller, given: Change, comment: str) -> CommitReport:
        submit = self._host.control.submit
        return CommitReport.of(submit([edit], caller, comment=comment, confirm_s=given.confirm_s))

    def _configured(self) -> tuple[StaticRoute, ...]:
        return self._host.control.config.get(Routing).routes

    def _find(self, name: str) -> None:
        if all(item.id != name for item in self._configured()):
            raise NotFound(f"no route is called {name}")


def _written(given: AddRoute) -> dict[str, Any]:
    """Return the route as the file has it."""
    return given.model_dump(mode="json", exclude_none=True, exclude={"confirm_s"})


def create(host: Host) -> RoutingFeature:
    """Make the feature; called once by the daemon."""
    return RoutingFeature(host)
