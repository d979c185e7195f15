# SPDX-License-Identifier: GPL-2.0-or-later
"""Hands the lists that are due to the process that brings them in, and takes in what came of it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from patronus.core.control import Clock
from patronus.core.errors import Conflict, KernelError, StorageError, Unavailable
from patronus.daemon.lists.due import Tries, due_in_s
from patronus.kernel.units import Units, runs, silent
from patronus.lists.folder import Download
from patronus.lists.task import Item, Places, Task, finished, hand_out
from patronus.lists.wanted import Wanted

UNIT = "patronus-lists.service"


@dataclass(frozen=True)
class Outcome:
    """What a run came to: lists that are others than before, and those that failed for the first time."""

    changed: tuple[tuple[Wanted, Download], ...] = ()
    failed: tuple[tuple[Wanted, Download], ...] = ()


class Desk:
    """One run at a time. Safe from any thread."""

    def __init__(self, units: Units, clock: Clock, places: Places) -> None:
        self._units = units
        self._clock = clock
        self._places = places
        self._lock = threading.RLock()
        self._wanted: Mapping[str, Wanted] = {}
        self._tries: dict[str, Tries] = {}
        self._told: set[str] = set()
        self._run: Task | None = None
        self._before: dict[str, float | None] = {}
        self.fault: str | None = None
        """Why the process could not be started or did not end well, None where it did."""

    @property
    def running(self) -> bool:
        """Whether lists are being brought in."""
        return self._run is not None

    def want(self, wanted: Collection[Wanted]) -> None:
        """Take these lists from now on; one that failed and is named in another way is tried at once."""
        with self._lock:
            before, self._wanted = self._wanted, {item.key: item for item in wanted}
            for key in list(self._tries):
                if self._wanted.get(key) != before.get(key):
                    del self._tries[key]
            self._told &= self._tries.keys()

    def wanted(self) -> tuple[Wanted, ...]:
        """Return the lists."""
        return tuple(self._wanted.values())

    def state(self, item: Wanted) -> Download:
        """Return how a list stands."""
        found = self._places.folder.state(item.key)
        return found or Download(url=item.url, content=item.content)

    def due_in_s(self, item: Wanted) -> float:
        """Return the seconds until a list is due."""
        state, tries = self._places.folder.state(item.key), self._tries.get(item.key)
        boot, wall = self._clock.boottime(), self._clock.wall()
        return due_in_s(state, tries, item.refresh_s, boot_s=boot, wall_s=wall)

    def next_s(self) -> float | None:
        """Return the seconds until some list is due, None where there is none."""
        return min((self.due_in_s(item) for item in self.wanted()), default=None)

    def begin(self, items: Collection[Wanted]) -> None:
        """Have lists brought in; returns once that has begun.

        Raises Conflict while it is under way, KernelError, Unavailable or StorageError where it cannot begin.
        """
        with self._lock:
            if self._run is not None:
                raise Conflict("lists are being brought in; see how it goes: patronus lists")
            task = Task(
                number=(finished(self._places) or 0) + 1,
                lists=tuple(Item(key=one.key, url=one.url, content=one.content, ca=one.ca) for one in items),
                keep=tuple(self._wanted),
            )
            self._before = {item.key: self.state(item).changed for item in items}
            try:
                hand_out(self._places, task)
                self._units.start(UNIT)
            except (KernelError, Unavailable, StorageError) as error:
                self.fault = str(error)
                for item in items:
                    self._failed(item.key)
                raise
            self._run = task

    def settle(self) -> Outcome | None:
        """Take in a run that has ended; None while it goes on."""
        with self._lock:
            task = self._run
            if task is None:
                return Outcome()
            if runs(self._units, UNIT):
                return None
            done = finished(self._places) == task.number
            self._run, self.fault = None, None if done else silent(UNIT)
            items = [self._wanted[item.key] for item in task.lists if item.key in self._wanted]
            return self._outcome(items, done=done)

    def _outcome(self, items: Collection[Wanted], *, done: bool) -> Outcome:
        changed, failed = [], []
        for item in items:
            state = self.state(item)
            if state.changed != self._before.get(item.key):
                changed.append((item, state))
            if done and state.error is None:
                self._tries.pop(item.key, None)
                self._told.discard(item.key)
                continue
            self._failed(item.key)
            if item.key not in self._told:
                self._told.add(item.key)
                failed.append(
                    (item, state if state.error else state.model_copy(update={"error": silent(UNIT)}))
                )
        return Outcome(tuple(changed), tuple(failed))

    def _failed(self, key: str) -> None:
        before = self._tries.get(key)
        self._tries[key] = Tries(before.failed + 1 if before else 1, self._clock.boottime())
