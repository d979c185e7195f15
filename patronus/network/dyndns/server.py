# SPDX-License-Identifier: GPL-2.0-or-later
"""The desk: knows what each provider has, and hands what is due to the process that tells."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence

from patronus.core.bus import Event
from patronus.core.errors import Conflict, KernelError, NotFound, PatronusError, StorageError, Unavailable
from patronus.dyndns.task import Outcome, Task, Telling, hand_out, reported, take_back
from patronus.kernel.alarm import Alarm
from patronus.kernel.host import Host
from patronus.kernel.units import runs, silent
from patronus.network.dyndns.events import event_of
from patronus.network.dyndns.plan import Standing
from patronus.network.dyndns.record import (
    GOOD,
    Record,
    after,
    as_data,
    due_in_s,
    from_data,
    is_kept_already,
    is_news,
    must_tell,
)
from patronus.network.dyndns.telling import password_in, telling_of

log = logging.getLogger(__name__)

UNIT = "patronus-dyndns.service"
STATE = "outside-names"
"""Key of the runtime state: what is known of each entry."""
SETTLE_S = 2.0
"""After a change of an address: routes follow it, and often so does another address."""
LOOK_S = 1.0
"""How often a run is looked at while it goes on."""


class Desk:
    """One run at a time. Safe from any thread; events are published with nothing held."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._task = host.places.run.with_name("patronus-dyndns") / "task.json"
        self._report = host.places.run.with_name("patronus-dyndns-told") / "report.json"
        self._lock = threading.RLock()
        self._standing: Mapping[str, Standing] = {}
        self._records: dict[str, Record] | None = None
        self._run: tuple[int, Mapping[str, Standing]] | None = None
        self._news: list[Event] = []
        self._alarm = Alarm(self.turn)

    def take(self, standing: Sequence[Standing]) -> None:
        """Keep these current from now on."""
        with self._lock:
            self._standing = {one.entry.id: one for one in standing}
        self._alarm.set(SETTLE_S if standing else None)

    @property
    def running(self) -> bool:
        """Whether providers are being told."""
        return self._run is not None

    def known(self) -> dict[str, tuple[Standing, Record | None]]:
        """Return each entry that is enabled, and what is known of it with the log-in that it has now."""
        with self._lock:
            kept = {name: self._kept().get(name) for name in self._standing}
            return {
                name: (one, record if record and record.mark == one.mark else None)
                for (name, one), record in zip(self._standing.items(), kept.values(), strict=True)
            }

    def failing(self) -> list[tuple[Standing, Record]]:
        """Return the entries whose provider could not be told."""
        return [
            (one, record) for one, record in self.known().values() if record and record.verdict not in GOOD
        ]

    def turn(self) -> None:
        """Take in what has come, have told what is due, and set the alarm for the next turn."""
        with self._lock:
            try:
                self._settle()
                if self._run is None and not self._left_over():
                    now = self._host.clock.wall()
                    due = [one for one in self._standing.values() if self._due_in_s(one, now) == 0]
                    self._begin(due, now, forced=False)
            except PatronusError as error:
                log.error("outside names: %s", error)
            finally:
                self._alarm.set(self._pause_s())
        self._publish()

    def tell_now(self, name: str | None) -> None:
        """Have one told, or all, also where a provider has refused before.

        Raises NotFound, Conflict where there is nothing to tell or it is under way, StorageError.
        """
        with self._lock:
            self._settle()
            if self._run is not None or self._left_over():
                raise Conflict("providers are being told; see how it goes: patronus dyndns")
            wanted = [one for key, one in self._standing.items() if name in (None, key)]
            if not wanted:
                whose = f" called {name}" if name is not None else ""
                raise NotFound(f"there is no outside name{whose} that is enabled")
            able = [one for one in wanted if one.reason is None]
            if not able:
                raise Conflict("; ".join(dict.fromkeys(one.reason or "" for one in wanted)))
            self._begin(able, self._host.clock.wall(), forced=True)
            self._alarm.set(LOOK_S)
        self._publish()

    def _publish(self) -> None:
        with self._lock:
            news, self._news = self._news, []
        for event in news:
            self._host.control.publish(event)

    def _kept(self) -> dict[str, Record]:
        if self._records is None:
            self._records = from_data(self._host.state.get(STATE))
        return self._records

    def _due_in_s(self, one: Standing, wall_s: float) -> float | None:
        return due_in_s(one, self._kept().get(one.entry.id), wall_s)

    def _pause_s(self) -> float | None:
        if self._run is not None or self._task.exists():
            return LOOK_S
        now = self._host.clock.wall()
        pauses = [due for one in self._standing.values() if (due := self._due_in_s(one, now)) is not None]
        return max(min(pauses), LOOK_S) if pauses else None

    def _begin(self, items: Iterable[Standing], wall_s: float, *, forced: bool) -> None:
        """Have providers told; returns once that has begun. What cannot begin is noted as a failure."""
        tellings, begun = [], {}
        for one in items:
            told = self._telling(one, wall_s, forced=forced)
            if isinstance(told, Telling):
                tellings.append(told)
                begun[one.entry.id] = one
            else:
                self._note(one, told)
        if not tellings:
            return
        before = reported(self._report)
        number = (before.number if before is not None else 0) + 1
        try:
            hand_out(self._task, Task(number=number, tellings=tuple(tellings)))
            self._host.units.start(UNIT)
        except (KernelError, Unavailable, StorageError) as error:
            for one in begun.values():
                self._note(one, str(error))
            take_back(self._task)
        else:
            self._run = (number, begun)

    def _telling(self, one: Standing, wall_s: float, *, forced: bool) -> Telling | str:
        """Return what the process is handed, or why it cannot be: it is not tried without its password."""
        record = self._kept().get(one.entry.id)
        must = forced or must_tell(one, record, wall_s)
        if one.secret is None:
            return telling_of(one, None, record, must=must)
        try:
            password = password_in(self._host.secrets.read(one.secret.name), one.secret.name)
            return telling_of(one, password, record, must=must)
        except PatronusError as error:
            return str(error)

    def _left_over(self) -> bool:
        """Return whether a run goes on that another patronusd began; what is left of it goes."""
        if not self._task.exists():
            return False
        if runs(self._host.units, UNIT):
            return True
        take_back(self._task)
        return False

    def _settle(self) -> None:
        """Take in a run that has ended."""
        if self._run is None or runs(self._host.units, UNIT):
            return
        (number, begun), self._run = self._run, None
        take_back(self._task)
        found = reported(self._report)
        outcomes = {one.id: one for one in found.outcomes} if found and found.number == number else {}
        for name, standing in begun.items():
            self._note(standing, outcomes.get(name) or silent(UNIT))

    def _note(self, standing: Standing, came: Outcome | str) -> None:
        """Keep what came of telling, and say what is news. Raises StorageError."""
        name = standing.entry.id
        outcome = came if isinstance(came, Outcome) else Outcome(id=name, verdict="failed", words=came)
        records = self._kept()
        before = records.get(name)
        now = records[name] = after(before, standing, outcome, self._host.clock.wall())
        if is_news(before, now):
            self._news.append(event := event_of(standing, now))
            log.info("%s", event)
        if not is_kept_already(before, now):
            wanted = {key: one for key, one in records.items() if key in self._standing}
            self._host.state.put(STATE, as_data(wanted))
