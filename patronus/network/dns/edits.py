# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes of the DNS section that people make one at a time: records, and what some clients are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from patronus.core.control import CommitReport, Control, commit
from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import InvalidRequest, NotFound
from patronus.core.verb import Caller, Nothing, Parameters, Role, Verb
from patronus.network.dns.check import SECTION_PATH
from patronus.network.dns.model import Dns, Policy
from patronus.network.dns.verbs import (
    AddPolicy,
    AddRecord,
    PolicyInfo,
    PolicyList,
    RemovePolicy,
    RemoveRecord,
    SetPolicyUpstreams,
)

Given = TypeVar("Given", bound=Parameters)


class Edits:
    """The verbs; what they change goes through the engine as any change of a file does."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def verbs(self) -> Iterator[Verb[Any, Any]]:
        """Yield the verbs on records and policies."""
        yield Verb("dns.ListPolicies", Nothing, PolicyList, self.list_policies, route="GET /dns/policies")
        yield _edit("dns.AddRecord", AddRecord, self.add_record, "POST /dns/records")
        yield _edit("dns.RemoveRecord", RemoveRecord, self.remove_record, "DELETE /dns/records/{id}")
        yield _edit("dns.AddPolicy", AddPolicy, self.add_policy, "POST /dns/policies")
        yield _edit(
            "dns.SetPolicyUpstreams",
            SetPolicyUpstreams,
            self.set_policy_upstreams,
            "PUT /dns/policies/{id}/upstreams",
        )
        yield _edit("dns.RemovePolicy", RemovePolicy, self.remove_policy, "DELETE /dns/policies/{id}")

    def list_policies(self, _: Caller, __: Nothing) -> PolicyList:
        """List what some clients are told in place of what all others are; the first that fits counts."""
        dns = self._control.config.get(Dns)
        everyones = [item.id for item in dns.blocklists if item.everyone]
        translated = dns.dns64 is not None and dns.dns64.everyone
        return PolicyList(policies=[_info(item, everyones, translated) for item in dns.policies])

    def add_policy(self, caller: Caller, given: AddPolicy) -> CommitReport:
        """Add a policy; those before it count first."""
        value = given.model_dump(mode="json", by_alias=True, exclude_none=True)
        edit = Insert(SECTION_PATH, ("policies",), value)
        return self._submit(edit, caller, "add a DNS policy")

    def set_policy_upstreams(self, caller: Caller, given: SetPolicyUpstreams) -> CommitReport:
        """Say which servers are asked for a policy's clients; nobody else is asked in their place."""
        policy = self._policy(given.id)
        place = ("policies", given.id, "upstreams")
        value = given.model_dump(mode="json", by_alias=True, exclude_none=True)["upstreams"]
        if not value and not policy.upstreams:
            raise InvalidRequest(f"{given.id} has no servers of its own")
        edit = Replace(SECTION_PATH, place, value) if value else Remove(SECTION_PATH, place)
        return commit(self._control, [edit], caller, given, f"servers of the DNS policy {given.id}")

    def _policy(self, policy_id: str) -> Policy:
        found = next((item for item in self._control.config.get(Dns).policies if item.id == policy_id), None)
        if found is None:
            raise NotFound(f"no policy is called {policy_id}")
        return found

    def remove_policy(self, caller: Caller, given: RemovePolicy) -> CommitReport:
        """Remove a policy: its clients have the next that fits, or are as all others."""
        self._policy(given.id)
        edit = Remove(SECTION_PATH, ("policies", given.id))
        return self._submit(edit, caller, f"remove the DNS policy {given.id}")

    def add_record(self, caller: Caller, given: AddRecord) -> CommitReport:
        """Add a record of our own."""
        value = given.model_dump(mode="json", exclude_none=True)
        edit = Insert(SECTION_PATH, ("records",), value)
        return self._submit(edit, caller, f"add record {given.name}")

    def remove_record(self, caller: Caller, given: RemoveRecord) -> CommitReport:
        """Remove a record of our own."""
        if all(item.id != given.id for item in self._control.config.get(Dns).records):
            raise NotFound(f"no record is called {given.id}")
        edit = Remove(SECTION_PATH, ("records", given.id))
        return self._submit(edit, caller, f"remove record {given.id}")

    def _submit(self, edit: Insert | Remove, caller: Caller, comment: str) -> CommitReport:
        return CommitReport.of(self._control.submit([edit], caller, comment=comment))


def _edit(
    name: str, given: type[Given], call: Callable[[Caller, Given], CommitReport], route: str
) -> Verb[Any, Any]:
    return Verb(name, given, CommitReport, call, role=Role.ADMIN, route=route, changes=True)


def _info(item: Policy, everyones: list[str], translated: bool) -> PolicyInfo:  # noqa: FBT001 - as of everyone
    return PolicyInfo(
        id=item.id,
        interfaces=list(item.interfaces),
        clients=list(map(str, item.clients)),
        blocklists=everyones if item.blocklists is None else list(item.blocklists),
        records=[f"{record.name} {record.type} {record.value}" for record in item.records],
        only_allowed=item.only_allowed,
        dns64=translated if item.dns64 is None else item.dns64,
        upstreams=[f"{one.address or one.from_} {one.protocol}" for one in item.upstreams],
    )
