# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on policies: what is sent another way than its destination says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from pydantic import Field

from patronus.core.control import Change, CommitReport, Control, commit
from patronus.core.edit import Insert
from patronus.core.items import ItemList, MoveItem
from patronus.core.model import as_data
from patronus.core.values import Id, InterfaceId, MarkMatch, Name, Ports, Prefix
from patronus.core.verb import Caller, Nothing, Result, Role, Verb
from patronus.network.routing.model import SECTION, Gateway, RoutePolicy, Routing
from patronus.network.routing.tables import RoutingPlan, policy_name, priority_of

Asked = Callable[[], set[int]]
"""The priorities at which a rule of ours leads to a table that has a route. Raises KernelError."""


class PolicyInfo(Result):
    """One configured policy, and by which ways it leads now."""

    id: str
    conditions: str = Field(description="what it is for, in words")
    ways: list[str] = Field(description="those that stand now")
    over: str
    state: str = Field(description="active, reduced, waiting, off or missing; reduced: not by all its ways")
    reason: str | None = Field(description="why it waits, or why a way is left out")
    configuration: dict[str, Any]


class PolicyList(Result):
    """Policies in the order in which they are asked."""

    policies: list[PolicyInfo]


class PolicyContent(Change):
    """What a policy shall be."""

    source: Prefix | None = None
    destination: Prefix | None = None
    interface: InterfaceId | None = None
    protocol: Literal["tcp", "udp"] | None = None
    ports: Ports | None = None
    mark: MarkMatch | None = None
    gateways: tuple[Gateway, ...] | None = Field(default=None, max_length=16)
    uplink: InterfaceId | None = None
    over: Literal["default", "all"] | None = None
    enabled: bool | None = None
    description: Name | None = None


class AddPolicy(PolicyContent):
    """A policy to add."""

    position: int | None = Field(
        default=None, ge=0, le=500, description="place in the list; left out: the end"
    )


class ReplacePolicy(PolicyContent):
    """A policy's new content; its id and its place stay."""

    id: Id


class RemovePolicy(Change):
    """Names a policy."""

    id: Id


class MovePolicy(MoveItem):
    """Names a policy and where it shall stand after the move."""


class PolicyVerbs:
    """Lists and changes the policies; ``plan`` is the one that runs."""

    def __init__(self, control: Control, plan: Callable[[], RoutingPlan], asked: Asked) -> None:
        self._control = control
        self._plan = plan
        self._asked = asked
        self._list = ItemList(control, (SECTION.path, "policies"), "policy of routing", self._configured)

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on policies."""
        changing: dict[str, Any] = {"role": Role.ADMIN, "changes": True}
        one, every = "/routes/policies/{id}", "/routes/policies"
        return (
            Verb("routing.ListPolicies", Nothing, PolicyList, self.list, route=f"GET {every}"),
            Verb("routing.AddPolicy", AddPolicy, CommitReport, self.add, route=f"POST {every}", **changing),
            Verb(
                "routing.ReplacePolicy",
                ReplacePolicy,
                CommitReport,
                self.replace,
                route=f"PUT {one}",
                **changing,
            ),
            Verb(
                "routing.RemovePolicy",
                RemovePolicy,
                CommitReport,
                self.remove,
                route=f"DELETE {one}",
                **changing,
            ),
            Verb(
                "routing.MovePolicy",
                MovePolicy,
                CommitReport,
                self.move,
                route=f"POST {one}/move",
                **changing,
            ),
        )

    def list(self, _: Caller, __: Nothing) -> PolicyList:
        """List the policies: what each is for, where it leads, and why it waits."""
        asked = self._asked()
        found = enumerate(self._configured())
        return PolicyList(
            policies=[self._info(item, there=priority_of(item, at) in asked) for at, item in found]
        )

    def _info(self, item: RoutePolicy, *, there: bool) -> PolicyInfo:
        tables, name = self._plan().tables, policy_name(item)
        ways, missing = tables.hops.get(name, ()), tables.left_out.get(name, ())
        standing = "missing" if not there else "reduced" if missing else "active"
        return PolicyInfo(
            id=item.id,
            conditions=conditions(item),
            ways=list(map(str, ways)),
            over=item.over,
            state="off" if not item.enabled else standing if ways else "waiting",
            reason="; ".join(missing) or None,
            configuration=as_data(item),
        )

    def add(self, caller: Caller, given: AddPolicy) -> CommitReport:
        """Add a policy, last or at a place."""
        edit = Insert(SECTION.path, ("policies",), _written(given), given.position)
        return commit(self._control, [edit], caller, given, "add a policy of routing")

    def replace(self, caller: Caller, given: ReplacePolicy) -> CommitReport:
        """Change a policy; its id stays."""
        return self._list.replace(caller, given, given.id, _written(given))

    def remove(self, caller: Caller, given: RemovePolicy) -> CommitReport:
        """Remove a policy."""
        return self._list.remove(caller, given, given.id)

    def move(self, caller: Caller, given: MovePolicy) -> CommitReport:
        """Move a policy to another place; the first that fits a packet decides."""
        return self._list.move(caller, given, as_data(self._list.find(given.id)))

    def _configured(self) -> tuple[RoutePolicy, ...]:
        return self._control.config.get(Routing).policies


def conditions(item: RoutePolicy) -> str:
    """Return what a policy is for, in words."""
    words = [
        f"from {item.source}" if item.source else "",
        f"to {item.destination}" if item.destination else "",
        f"coming in at {item.interface}" if item.interface else "",
        item.protocol or "",
        f"port {', '.join(map(str, item.ports))}" if item.ports else "",
        f"marked {item.mark}" if item.mark else "",
    ]
    return " ".join(word for word in words if word)


def _written(given: PolicyContent) -> dict[str, Any]:
    """Return the policy as the file has it."""
    return given.model_dump(mode="json", exclude_none=True, exclude={*Change.model_fields, "position"})
