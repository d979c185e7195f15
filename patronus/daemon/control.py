# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine as the features hold it: they are made before it, and may reach it only once it runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from patronus.core.bus import Bus, Event
from patronus.core.control import Commit
from patronus.core.edit import Edits
from patronus.core.engine import Engine
from patronus.core.errors import PatronusError, Unavailable
from patronus.core.model import Configuration
from patronus.core.verb import Caller

log = logging.getLogger(__name__)


class LateControl:
    """``core.control.Control`` that is given its engine after the features are made."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._engine: Engine | None = None

    def attach(self, engine: Engine) -> None:
        """Hand over the engine, once."""
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """Return the engine. Raises Unavailable before it is there."""
        if self._engine is None:
            raise Unavailable("the daemon is still starting")
        return self._engine

    @property
    def config(self) -> Configuration:
        """Return the running configuration."""
        return self.engine.config

    @property
    def generation(self) -> int:
        """Return the number of the running generation."""
        return self.engine.generation

    def submit(
        self,
        edits: Edits,
        caller: Caller,
        *,
        comment: str = "",
        base: int | None = None,
        confirm_s: float | None = None,
        dry_run: bool = False,
    ) -> Commit:
        """Take a change through the whole walk."""
        return self.engine.submit(
            edits, caller, comment=comment, base=base, confirm_s=confirm_s, dry_run=dry_run
        )

    def refresh(self, reason: str) -> None:
        """Plan and apply again because a feature's facts have changed."""
        self.engine.refresh(reason)

    def publish(self, event: Event) -> None:
        """Put an event on the bus."""
        self._bus.publish(event)

    def observe(self, observer: Callable[[Event], None]) -> None:
        """Call ``observer`` with each event from now on."""
        self._bus.observe(observer)


LONGEST_S = 86400.0
"""An alarm rings after a day at the latest; whoever is called too early sets it again."""


class Alarm:
    """Calls ``action`` once after a time that may be set anew; in a thread of its own.

    What the action refuses is logged; whether it is tried again is the action's own affair.
    """

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def set(self, seconds: float | None) -> None:
        """Ring in so many seconds instead of whenever it was to ring; None: never."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            if seconds is not None:
                self._timer = threading.Timer(min(max(0.0, seconds), LONGEST_S), self._ring)
                self._timer.daemon = True
                self._timer.start()

    def _ring(self) -> None:
        try:
            self._action()
        except PatronusError as error:
            log.error("what was to happen in time has failed: %s", error)
