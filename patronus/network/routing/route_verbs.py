# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on static routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from patronus.core.control import Change, CommitReport, Control, commit
from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import NotFound
from patronus.core.link import Route
from patronus.core.model import as_data
from patronus.core.route_table import TableRoute
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.network.routing.model import SECTION, Routing, StaticRoute
from patronus.network.routing.tables import RoutingPlan
from patronus.network.routing.verbs import AddRoute, RemoveRoute, ReplaceRoute, RouteInfo, RouteList

Present = Callable[[], set[Route | TableRoute]]
"""The routes of ours that the kernel has. Raises KernelError."""


class RouteVerbs:
    """Lists and changes the static routes; ``plan`` is the one that runs."""

    def __init__(self, control: Control, plan: Callable[[], RoutingPlan], present: Present) -> None:
        self._control = control
        self._plan = plan
        self._present = present

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
        present, plan = self._present(), self._plan()
        return RouteList(routes=[_info(item, plan, present) for item in self._configured()])

    def add(self, caller: Caller, given: AddRoute) -> CommitReport:
        """Add a static route."""
        edit = Insert(SECTION.path, ("routes",), _written(given))
        return commit(self._control, [edit], caller, given, f"add route to {given.destination}")

    def replace(self, caller: Caller, given: ReplaceRoute) -> CommitReport:
        """Change a static route; its id stays."""
        self._find(given.id)
        edit = Replace(SECTION.path, ("routes", given.id), _written(given))
        return commit(self._control, [edit], caller, given, f"change route {given.id}")

    def remove(self, caller: Caller, given: RemoveRoute) -> CommitReport:
        """Remove a static route."""
        self._find(given.id)
        edit = Remove(SECTION.path, ("routes", given.id))
        return commit(self._control, [edit], caller, given, f"remove route {given.id}")

    def _configured(self) -> tuple[StaticRoute, ...]:
        return self._control.config.get(Routing).routes

    def _find(self, name: str) -> None:
        if all(item.id != name for item in self._configured()):
            raise NotFound(f"no route is called {name}")


def _info(item: StaticRoute, plan: RoutingPlan, present: set[Route | TableRoute]) -> RouteInfo:
    route, ways = plan.standing.get(item.id), plan.tables.hops.get(item.id, ())
    missing = plan.tables.left_out.get(item.id, ())
    reason = plan.waiting.get(item.id) or "; ".join(missing) or None
    return RouteInfo(
        id=item.id,
        destination=str(item.destination),
        type=item.type,
        gateway=str(item.gateway) if item.gateway else None,
        interface=item.interface,
        device=(route.device or None) if isinstance(route, Route) else None,
        metric=item.metric,
        state=_state(item, route, present, reduced=bool(missing)),
        ways=list(map(str, ways)),
        reason=reason,
        configuration=as_data(item),
    )


def _state(
    item: StaticRoute,
    route: Route | TableRoute | None,
    present: set[Route | TableRoute],
    *,
    reduced: bool,
) -> str:
    if not item.enabled:
        return "off"
    if route is None:
        return "waiting"
    if route not in present:
        return "missing"
    return "reduced" if reduced else "active"


def _written(given: AddRoute) -> dict[str, Any]:
    """Return the route as the file has it."""
    return given.model_dump(mode="json", exclude_none=True, exclude=set(Change.model_fields))
