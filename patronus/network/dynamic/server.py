# SPDX-License-Identifier: GPL-2.0-or-later
"""Watches the neighbours in a thread of its own, and tells when one comes up or goes down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from patronus.core.bus import Event
from patronus.network.dynamic.neighbors import Heard
from patronus.network.dynamic.plan import DynamicPlan
from patronus.network.dynamic.verbs import Daemons, NeighborDown, NeighborUp, heard

EVERY_S = 3.0
Key = tuple[str, str, str]


class Watch:
    """Asks the daemons every few seconds, as long as there is somebody to speak with."""

    def __init__(self, daemons: Daemons, publish: Callable[[Event], None]) -> None:
        self._daemons = daemons
        self._publish = publish
        self._plan = DynamicPlan()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, plan: DynamicPlan) -> None:
        """Watch the neighbours of this plan from now on."""
        self._plan = plan
        if plan.daemons and self._thread is None:
            self._ended.clear()
            self._thread = threading.Thread(target=self._run, name="neighbors", daemon=True)
            self._thread.start()
        elif not plan.daemons:
            self.stop()

    def stop(self) -> None:
        """Watch nobody."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        before: Mapping[Key, Heard] = {}
        while not self._ended.wait(EVERY_S):
            found, silent = heard(self._daemons, self._plan)
            now: Mapping[Key, Heard] = {(one.protocol, one.id, one.address): one for one in found}
            if not silent:
                for event in told(before, now):
                    self._publish(event)
                before = now


def told(before: Mapping[Key, Heard], now: Mapping[Key, Heard]) -> Iterator[Event]:
    """Yield who came up and who went down in between; who was up and is not listed any more went down."""
    for key in _up(now.values()) - _up(before.values()):
        yield NeighborUp(key[0], key[1])
    for key in _up(before.values()) - _up(now.values()):
        there = now.get(key)
        yield NeighborDown(key[0], key[1], (there and there.reason) or "it is not heard any more")


def _up(heard_of: Iterable[Heard]) -> set[Key]:
    return {(one.protocol, one.id, one.address) for one in heard_of if one.up}
