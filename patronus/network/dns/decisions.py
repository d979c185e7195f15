# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that people block or allow with one click, for everybody or for the clients of one policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from patronus.core.control import CommitReport, Control, commit
from patronus.core.edit import Edit, Insert, Remove, Replace
from patronus.core.errors import NotFound
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.network.dns.check import SECTION_PATH
from patronus.network.dns.model import Decision, Dns, Policy
from patronus.network.dns.verbs import DecideName, DecisionInfo, DecisionList, ForgetName


class DecisionVerbs:
    """The verbs; what they change goes through the engine as any change of a file does."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def verbs(self) -> Iterator[Verb[Any, Any]]:
        """Yield the verbs on names that are blocked or allowed."""
        yield Verb("dns.ListNames", Nothing, DecisionList, self.list, route="GET /dns/names")
        yield Verb(
            "dns.DecideName",
            DecideName,
            CommitReport,
            self.decide,
            role=Role.ADMIN,
            route="POST /dns/names",
            changes=True,
        )
        yield Verb(
            "dns.ForgetName",
            ForgetName,
            CommitReport,
            self.forget,
            role=Role.ADMIN,
            route="DELETE /dns/names/{name}",
            changes=True,
        )

    def list(self, _: Caller, __: Nothing) -> DecisionList:
        """List the names that people blocked or allowed, everybody's first."""
        dns = self._control.config.get(Dns)
        places = [(None, dns.names), *((item.id, item.names) for item in dns.policies)]
        return DecisionList(
            names=[
                DecisionInfo(id=item.id, name=item.name, action=item.action, policy=policy)
                for policy, names in places
                for item in names
            ]
        )

    def decide(self, caller: Caller, given: DecideName) -> CommitReport:
        """Block or allow a name and all below it, whatever lists say; what was decided before goes."""
        at, names = self._place(given.policy)
        before = _find(names, given.name)
        edit: Edit
        if before is None:
            edit = Insert(SECTION_PATH, at, given.model_dump(mode="json", include={"name", "action"}))
        else:
            edit = Replace(SECTION_PATH, (*at, before.id, "action"), given.action)
        said = f"{given.action} {given.name}{_for(given.policy)}"
        return commit(self._control, [edit], caller, given, said)

    def forget(self, caller: Caller, given: ForgetName) -> CommitReport:
        """Leave a name to the lists again."""
        at, names = self._place(given.policy)
        before = _find(names, given.name)
        if before is None:
            raise NotFound(f"nothing is decided on {given.name}{_for(given.policy)}")
        edit = Remove(SECTION_PATH, (*at, before.id))
        said = f"decide nothing on {given.name}{_for(given.policy)}"
        return commit(self._control, [edit], caller, given, said)

    def _place(self, policy: str | None) -> tuple[tuple[str, ...], tuple[Decision, ...]]:
        """Return where the names of a policy stand, or everybody's, and those. Raises NotFound."""
        dns = self._control.config.get(Dns)
        if policy is None:
            return ("names",), dns.names
        return ("policies", policy, "names"), _policy(dns, policy).names


def _policy(dns: Dns, name: str) -> Policy:
    for item in dns.policies:
        if item.id == name:
            return item
    raise NotFound(f"no policy is called {name}")


def _find(names: tuple[Decision, ...], name: str) -> Decision | None:
    return next((item for item in names if item.name == name), None)


def _for(policy: str | None) -> str:
    return "" if policy is None else f" for {policy}"
