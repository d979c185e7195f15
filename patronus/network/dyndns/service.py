# SPDX-License-Identifier: GPL-2.0-or-later
"""Outside names inside patronusd: has their providers told when an address changes.

The telling is done by ``patronus-dyndns.service``: patronusd speaks to no server outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from patronus.core.control import CommitReport
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.items import Added, ItemList, RemoveItem
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.kernel.host import Host
from patronus.network.dyndns.check import check
from patronus.network.dyndns.model import SECTION, Dyndns
from patronus.network.dyndns.plan import DyndnsPlan, plan
from patronus.network.dyndns.server import Desk
from patronus.network.dyndns.verbs import AddName, DyndnsStatus, ReplaceName, UpdateNames, info
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.uplinks.plan import UplinksPlan
from patronus.secrets.resolve import SecretsPlan


class DyndnsFeature(Feature[DyndnsPlan, None]):
    """Has providers told. A router routes as well while one cannot be: nothing here refuses a change."""

    name = "dyndns"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._desk = Desk(host)
        self._list = ItemList(
            host.control, (SECTION.path, "names"), "outside name", lambda: self._configured().names
        )

    # -- the walk of a change

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the section."""
        return check(config)

    def facts(self) -> None:
        """Need nothing of the world but what the links and the uplinks have read."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> DyndnsPlan:  # noqa: ARG002
        """Return which address each entry has now."""
        return plan(
            config,
            earlier.find(InterfacesPlan) or InterfacesPlan(),
            earlier.find(UplinksPlan) or UplinksPlan(),
            earlier.find(SecretsPlan) or SecretsPlan(),
        )

    def steps(self, plan: DyndnsPlan, running: DyndnsPlan | None) -> Iterator[Step]:
        """Take other addresses or entries; providers are told behind the change, and never fail it."""
        before = running if running is not None else DyndnsPlan()
        if plan != before:
            yield Step(
                "outside names",
                do=lambda: self._desk.take(plan.standing),
                undo=lambda: self._desk.take(before.standing),
            )

    def observe(self, plan: DyndnsPlan) -> Iterator[Difference]:  # noqa: ARG002
        """Yield each entry whose provider could not be told."""
        for one, record in self._desk.failing():
            yield Difference(f"outside name {one.entry.id}", "current", record.words, refuses=False)

    def notice(self) -> str | None:
        """Return what a person should know: of which names the outside does not know where they are."""
        words = [f"{', '.join(one.entry.hostnames)}: {record.words}" for one, record in self._desk.failing()]
        return f"names outside may not lead here: {'; '.join(words)}" if words else None

    # -- for people

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs."""
        admin: dict[str, Any] = {"role": Role.ADMIN, "changes": True}
        one = "/dyndns/{id}"
        yield Verb("dyndns.Status", Nothing, DyndnsStatus, self.status, route="GET /dyndns")
        yield Verb(
            "dyndns.Update", UpdateNames, DyndnsStatus, self.update, Role.OPERATOR, "POST /dyndns/update",
            changes=True,
        )  # fmt: skip
        yield Verb("dyndns.Add", AddName, Added, self.add, route="POST /dyndns", **admin)
        yield Verb("dyndns.Replace", ReplaceName, CommitReport, self.replace, route=f"PUT {one}", **admin)
        yield Verb("dyndns.Remove", RemoveItem, CommitReport, self.remove, route=f"DELETE {one}", **admin)

    def status(self, _: Caller, __: Nothing) -> DyndnsStatus:
        """Show the outside names: which addresses their providers have, and what went wrong last."""
        known, now = self._desk.known(), self._host.clock.wall()
        names = []
        for entry in self._configured().names:
            standing, record = known.get(entry.id, (None, None))
            names.append(info(entry, standing, record, now))
        return DyndnsStatus(running=self._desk.running, names=names)

    def update(self, caller: Caller, given: UpdateNames) -> DyndnsStatus:
        """Tell providers now, also one that has refused before; what came of it stands in the status."""
        self._desk.tell_now(given.id)
        return self.status(caller, Nothing())

    def add(self, caller: Caller, given: AddName) -> Added:
        """Add names outside that lead to this router."""
        return self._list.add(caller, given, given.entry)

    def replace(self, caller: Caller, given: ReplaceName) -> CommitReport:
        """Change names outside that lead to this router."""
        return self._list.replace(caller, given, given.id, given.entry)

    def remove(self, caller: Caller, given: RemoveItem) -> CommitReport:
        """Tell the provider of names no more; it keeps what it has."""
        return self._list.remove(caller, given, given.id)

    def _configured(self) -> Dyndns:
        return self._host.control.config.get(Dyndns)


def create(host: Host) -> DyndnsFeature:
    """Make the feature; called once by the daemon."""
    return DyndnsFeature(host)
