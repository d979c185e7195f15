# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine as the features hold it: they are made before it, and may reach it only once it runs."""

from __future__ import annotations

from collections.abc import Callable

from patronus.core.bus import Bus, Event
from patronus.core.control import Commit
from patronus.core.edit import Edits
from patronus.core.engine import Engine
from patronus.core.errors import Unavailable
from patronus.core.model import Configuration
from patronus.core.verb import Caller


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
