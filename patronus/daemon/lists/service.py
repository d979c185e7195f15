# SPDX-License-Identifier: GPL-2.0-or-later
"""The feature ``lists``: has lists brought in that others name, and all planned again when one changes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from patronus.core.errors import NotFound, PatronusError, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.model import Configuration
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.daemon.lists.desk import Desk
from patronus.daemon.lists.events import ListChanged, ListFailed
from patronus.daemon.lists.verbs import ListInfo, ListStatus, Refresh
from patronus.firewall.sources import wanted_lists
from patronus.kernel.alarm import Alarm
from patronus.kernel.host import Host
from patronus.lists.task import Places
from patronus.lists.wanted import Wanted, merged
from patronus.network.dns.lists import wanted_lists as wanted_blocklists

log = logging.getLogger(__name__)

Wants = Callable[[Configuration], Iterable[Wanted]]
WANTS: tuple[Wants, ...] = (wanted_lists, wanted_blocklists)
"""Who names lists in the configuration."""
START_S = 10.0
"""The first look after the start: until then no uplink has an address."""
LOOK_S = 1.0
"""How often a run is looked at while it goes on."""


@dataclass(frozen=True)
class ListsPlan(Plan):
    """The lists to bring in."""

    wanted: tuple[Wanted, ...] = ()


class ListsFeature(Feature[ListsPlan, None]):
    """A router routes as well while a list cannot be had: the last good one stays."""

    name = "lists"

    def __init__(self, host: Host, wants: Iterable[Wants] = WANTS) -> None:
        self._host = host
        self._wants = tuple(wants)
        self._desk = Desk(host.units, host.clock, Places.below(host.places.run, host.places.state))
        self._alarm = Alarm(self.turn)
        self._untold: str | None = None

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> ListsPlan:  # noqa: ARG002
        """Return the lists that the configuration names."""
        return ListsPlan(wanted=merged(item for wants in self._wants for item in wants(config)))

    def steps(self, plan: ListsPlan, running: ListsPlan | None) -> Iterable[Step]:
        """Take other lists where they change; they are brought in after the change, and never fail it."""
        before = running.wanted if running is not None else ()
        if plan.wanted != before:
            wait_s = START_S if running is None else 0.0
            yield Step(
                f"lists: {len(plan.wanted)} to keep current",
                do=lambda: self._want(plan.wanted, wait_s),
                undo=lambda: self._want(before, 0.0),
            )

    def _want(self, wanted: tuple[Wanted, ...], wait_s: float) -> None:
        self._desk.want(wanted)
        self._alarm.set(wait_s if wanted else None)

    def observe(self, plan: ListsPlan) -> Iterator[Difference]:  # noqa: ARG002
        """Yield each list that could not be had when it was last tried."""
        for item in self._desk.wanted():
            if error := self._desk.state(item).error:
                yield Difference(f"list {item.url}", "current", error, refuses=False)

    # -- in time

    def turn(self) -> None:
        """Take in what has come, have brought in what is due, and set the alarm for the next turn."""
        try:
            self._settle()
            self._tell()
            if not self._desk.running:
                self._begin()
        except PatronusError as error:
            log.error("lists: %s", error)
        finally:
            pause_s = LOOK_S if self._desk.running else self._desk.next_s()
            if self._untold is not None and pause_s is not None:
                pause_s = min(pause_s, START_S)
            self._alarm.set(None if pause_s is None else max(pause_s, LOOK_S))

    def _begin(self) -> None:
        due = [item for item in self._desk.wanted() if self._desk.due_in_s(item) <= 0]
        if due:
            self._desk.begin(due)

    def _settle(self) -> None:
        outcome = self._desk.settle()
        for item, state in outcome.failed if outcome else ():
            log.error("the list %s: %s", item.url, state.error)
            self._host.control.publish(ListFailed(item.url, state.error or "", state.entries, item.used_by))
        for item, state in outcome.changed if outcome else ():
            self._host.control.publish(ListChanged(item.url, state.entries, item.used_by))
            self._untold = f"the list of {', '.join(item.used_by)} has changed"

    def _tell(self) -> None:
        """Have everything planned again with what has come; the engine itself tries again what then fails."""
        why, self._untold = self._untold, None
        if why is None:
            return
        try:
            self._host.control.refresh(why)
        except Unavailable:
            self._untold = why  # the engine is still starting
            raise

    # -- for people

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs."""
        yield Verb("lists.Status", Nothing, ListStatus, self.status, route="GET /lists")
        yield Verb(
            "lists.Refresh", Refresh, ListStatus, self.refresh, Role.OPERATOR, "POST /lists/refresh",
            changes=True,
        )  # fmt: skip

    def status(self, caller: Caller, given: Nothing) -> ListStatus:  # noqa: ARG002
        """Show the lists that come from elsewhere: how many entries, how old, and what went wrong last."""
        return self._status()

    def refresh(self, caller: Caller, given: Refresh) -> ListStatus:  # noqa: ARG002
        """Look at the servers of lists, and at files, now; what is in use stays until other has come."""
        items = [item for item in self._desk.wanted() if given.url in (None, item.url)]
        if items:
            self._desk.begin(items)
            self._alarm.set(LOOK_S)
        elif given.url is not None:
            raise NotFound(f"no list comes from {given.url}")
        if given.url is None:
            self._host.control.refresh("somebody asked for the lists")
        return self._status()

    def _status(self) -> ListStatus:
        return ListStatus(
            running=self._desk.running,
            lists=[self._info(item) for item in self._desk.wanted()],
            fault=self._desk.fault,
        )

    def _info(self, item: Wanted) -> ListInfo:
        state = self._desk.state(item)
        return ListInfo(
            url=item.url, content=item.content, used_by=list(item.used_by), refresh_s=item.refresh_s,
            entries=state.entries, good=state.good, changed=state.changed,
            due_in_s=self._desk.due_in_s(item), error=state.error,
        )  # fmt: skip

    def notice(self) -> str | None:
        """Return what a person should know: which lists could not be had, and what is used in their place."""
        if self._desk.fault is not None:
            return f"no list can be brought in: {self._desk.fault}"
        failing = [(item, state) for item in self._desk.wanted() if (state := self._desk.state(item)).error]
        said = [f"{item.url} ({', '.join(item.used_by)}): {state.error}" for item, state in failing[:3]]
        more = f" and {len(failing) - 3} more" if len(failing) > 3 else ""
        return (
            f"lists that could not be had, the last good ones stay: {'; '.join(said)}{more}" if said else None
        )


def create(host: Host) -> ListsFeature:
    """Make the feature; called once by the daemon."""
    return ListsFeature(host)
