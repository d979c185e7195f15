# SPDX-License-Identifier: GPL-2.0-or-later
"""Port mappings inside patronusd: tells miniupnpd, starts and stops it, and the verbs.

miniupnpd has a table of nftables of its own, which its unit makes and takes away; ours is not touched by it.
What it translates passes the firewall where ``Mappable`` in the plan says so. That it cannot be started
refuses no change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from patronus.core.control import CommitReport, commit
from patronus.core.edit import Edit, Insert, Remove, Replace
from patronus.core.errors import InvalidRequest, NotFound
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration, as_data
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.kernel.conntrack import Conntrack
from patronus.kernel.host import Host
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mappings.check import SECTION_PATH, check
from patronus.network.mappings.model import SECTION, Mappings
from patronus.network.mappings.plan import LEASES, TABLE, MappingsPlan, plan
from patronus.network.mappings.standing import PROTOCOLS, Standing, standing
from patronus.network.mappings.verbs import (
    AllowMapping,
    Ended,
    EndMapping,
    MappingInfo,
    MappingList,
    RevokeMapping,
    ServeMappings,
)
from patronus.network.told.service import Told

SERVICE = "patronus-mappings.service"
FAMILY = "inet"
NO_MACHINE = "0" * 32


class MappingsFeature(Feature[MappingsPlan, str]):
    """Starts, tells and stops miniupnpd; a router routes as well without it."""

    name = "mappings"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._told = Told(host.units, SERVICE, host.places.mappings)
        self._plan = MappingsPlan()

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the section."""
        return check(config)

    def facts(self) -> str:
        """Return the machine's id, of which hosts are shown a name made of it."""
        try:
            return self._host.places.machine_id.read_text(encoding="ascii").strip() or NO_MACHINE
        except OSError:
            return NO_MACHINE

    def plan(self, config: Configuration, facts: str, earlier: Earlier) -> MappingsPlan:
        """Return what miniupnpd is told, and what the firewall shall let through for it."""
        return plan(config.get(Mappings), earlier.find(InterfacesPlan) or InterfacesPlan(), facts)

    def steps(self, plan: MappingsPlan, running: MappingsPlan | None) -> Iterator[Step]:
        """Tell miniupnpd, or stop it; a daemon that starts sees to it that it reads what stands there."""
        before, earlier = self._told.present(), self._plan
        unsure = self._told.refused is not None or (running is None and plan.text is not None)
        if before != plan.text or unsure:
            yield Step(
                "port mappings for hosts" if plan.text is not None else "no port mappings for hosts",
                do=lambda: self._switch(plan.text, plan),
                undo=lambda: self._switch(before, earlier),
            )
        elif plan != earlier:
            yield Step("note who may have ports", lambda: self._note(plan), undo=lambda: self._note(earlier))

    def _note(self, plan: MappingsPlan) -> None:
        self._plan = plan

    def _switch(self, text: str | None, plan: MappingsPlan) -> None:
        """Bring miniupnpd to a configuration; what hosts have now they ask for again."""
        self._plan = plan
        self._told.bring(text)

    def observe(self, plan: MappingsPlan) -> Iterator[Difference]:
        """Compare what miniupnpd was told, and look whether it runs; that it does not refuses no change."""
        return self._told.differences("port mappings", plan.text)

    def notice(self) -> str | None:
        """Return what a person should know: that hosts cannot ask."""
        return f"hosts cannot ask for ports: {self._told.refused}" if self._told.refused else None

    # -- verbs

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on mappings."""
        admin: dict[str, Any] = {"role": Role.ADMIN, "changes": True}
        at = "/mappings/permissions/{id}"
        return (
            Verb("mappings.List", Nothing, MappingList, self.list_mappings, route="GET /mappings"),
            Verb(
                "mappings.End", EndMapping, Ended, self.end, Role.OPERATOR,
                "DELETE /mappings/{protocol}/{port}", changes=True,
            ),
            Verb("mappings.Serve", ServeMappings, CommitReport, self.serve, route="PUT /mappings", **admin),
            Verb("mappings.Allow", AllowMapping, CommitReport, self.allow, route=f"PUT {at}", **admin),
            Verb("mappings.Revoke", RevokeMapping, CommitReport, self.revoke, route=f"DELETE {at}", **admin),
        )  # fmt: skip

    def list_mappings(self, _: Caller, __: Nothing) -> MappingList:
        """List the ports that hosts asked for, and who may ask."""
        fault = self._told.fault()
        running = self._plan.text is not None and fault is None
        return MappingList(
            running=running,
            reason=fault or self._plan.waiting,
            mappings=[_info(one) for one in self._standing()] if running else [],
            configuration=self._model.model_dump(mode="json", exclude_none=True),
        )

    def end(self, _: Caller, given: EndMapping) -> Ended:
        """End a mapping and the connections that came by it; the host may ask again."""
        asked = (given.protocol, given.port)
        found = [one for one in self._standing() if (one.protocol, one.port) == asked]
        if not found:
            raise NotFound(f"no host has {given.protocol} {given.port}")
        where = {"family": FAMILY, "table": TABLE}
        handles = dict.fromkeys(handle for one in found for handle in one.handles)
        commands = [
            {"delete": {"rule": {**where, "chain": chain, "handle": handle}}} for chain, handle in handles
        ]
        self._host.nft.load({"nftables": commands})
        return Ended(connections=sum(_end_connections(one) for one in found))

    def serve(self, caller: Caller, given: ServeMappings) -> CommitReport:
        """Say whose hosts may ask for ports of which uplink; with nobody inside it is off."""
        edits: list[Edit] = [Replace(SECTION_PATH, ("inside",), list(given.inside))]
        if given.outside is not None:
            edits.insert(0, Replace(SECTION_PATH, ("outside",), given.outside))
        return commit(self._host.control, edits, caller, given, "say who may ask for port mappings")

    def allow(self, caller: Caller, given: AllowMapping) -> CommitReport:
        """Allow hosts to ask for ports; the first that is written takes the place of all hosts'."""
        if given.permission.id != given.id:
            raise InvalidRequest(f"an id never changes: permission.id must be {given.id}")
        value = as_data(given.permission)
        edit: Edit = Insert(SECTION_PATH, ("allow",), value)
        if any(item.id == given.id for item in self._written):
            edit = Replace(SECTION_PATH, ("allow", given.id), value)
        return commit(self._host.control, [edit], caller, given, f"allow port mappings: {given.id}")

    def revoke(self, caller: Caller, given: RevokeMapping) -> CommitReport:
        """Allow it no longer; without any permission nobody may ask."""
        if all(item.id != given.id for item in self._model.allow):
            raise NotFound(f"no permission is called {given.id}")
        left = [as_data(item) for item in self._model.allow if item.id != given.id]
        edit: Edit = Remove(SECTION_PATH, ("allow", given.id))
        if not left:
            edit = Replace(SECTION_PATH, ("allow",), [])
        return commit(self._host.control, [edit], caller, given, f"no port mappings: {given.id}")

    @property
    def _model(self) -> Mappings:
        return self._host.control.config.get(Mappings)

    @property
    def _written(self) -> tuple[Any, ...]:
        return self._model.allow if "allow" in self._model.model_fields_set else ()

    def _standing(self) -> tuple[Standing, ...]:
        listed = self._host.nft.list_table(FAMILY, TABLE) or ()
        return standing(listed, _read(self._host.places.miniupnpd / LEASES))


def _info(one: Standing) -> MappingInfo:
    return MappingInfo(
        protocol=one.protocol,
        port=one.port,
        host=one.host,
        to_port=one.to_port,
        until=one.until_s,
        description=one.description,
    )


def _end_connections(one: Standing) -> int:
    """End the connections that a mapping let in; return how many there were."""
    conntrack, ended = Conntrack(), 0
    for tracked in conntrack.tracked():
        way, back = tracked.connection.original, tracked.connection.reply
        ours = (PROTOCOLS.get(way.protocol), way.destination_port, str(back.source), back.source_port)
        if tracked.connection.translated and ours == (one.protocol, one.port, one.host, one.to_port):
            ended += conntrack.end(tracked.connection)
    return ended


def _read(path: Path) -> str:
    """Return what miniupnpd wrote of its mappings; without it they are shown without an end."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def create(host: Host) -> MappingsFeature:
    """Make the feature; called once by the daemon."""
    return MappingsFeature(host)
