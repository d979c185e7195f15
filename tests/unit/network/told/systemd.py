# SPDX-License-Identifier: GPL-2.0-or-later
"""systemd, as far as one unit goes, and a machine that has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from patronus.core.errors import PatronusError
from patronus.kernel.host import Host, Places
from patronus.kernel.units import UnitState

UP, DOWN = UnitState("active", "running", "success"), UnitState("inactive", "dead", "success")
ENDED, ENDS_AGAIN_AND_AGAIN = (
    UnitState("failed", "failed", "exit-code"),
    UnitState("activating", "auto-restart", "exit-code"),
)


@dataclass
class Systemd:
    """Does what is asked, unless ``fault`` says why it does not; ``state`` is how the unit stands."""

    service: str
    asked: list[str] = field(default_factory=list)
    fault: PatronusError | None = None
    state: UnitState = DOWN

    def restart(self, unit: str) -> None:
        """Have it run."""
        self._ask("restart", unit, UP)

    def stop(self, unit: str) -> None:
        """End it."""
        self._ask("stop", unit, DOWN)

    def status(self, unit: str) -> UnitState:
        """Return how it stands."""
        self._check(unit)
        return self.state

    def _ask(self, verb: str, unit: str, after: UnitState) -> None:
        self._check(unit)
        self.asked.append(verb)
        self.state = after

    def _check(self, unit: str) -> None:
        assert unit == self.service
        if self.fault is not None:
            raise self.fault


@dataclass
class Machine:
    """What a feature that tells one program sees of its host."""

    units: Systemd
    places: Places
    control: Any = None

    @classmethod
    def below(cls, folder: Path, service: str) -> Machine:
        """Return one whose files lie in a folder."""
        made = cls(Systemd(service), Places.below(folder))
        for path in (made.places.mdns, made.places.mappings):
            path.parent.mkdir(parents=True, exist_ok=True)
        return made

    @property
    def host(self) -> Host:
        """Return it as a feature takes it."""
        return cast(Host, cast(Any, self))
