# SPDX-License-Identifier: GPL-2.0-or-later
"""The feature ``update``: its verbs, and what a person should know."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from patronus.core.errors import KernelError, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.head_start import System
from patronus.core.model import Configuration
from patronus.core.verb import Verb
from patronus.daemon.updates.settings import settings_of
from patronus.firewall.resolve.schedule import applies
from patronus.kernel.host import Host

if TYPE_CHECKING:
    from patronus.daemon.updates.desk import Desk
    from patronus.daemon.updates.own_check import OwnCheck
    from patronus.update.health import Finding
    from patronus.update.task import Places

log = logging.getLogger(__name__)


TIMER = "patronus-update.timer"


@dataclass(frozen=True)
class UpdatePlan(Plan):
    """Whether new versions come by themselves."""

    automatic: bool = False


class UpdateFeature(Feature[UpdatePlan, None]):
    """Starts and stops the timer of automatic updates; a router routes as well without it."""

    name = "update"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._fault: str | None = None
        self.look: Callable[[], list[Finding]] = list
        """Looks how healthy the router is; given once there are verbs."""

    @cached_property
    def _places(self) -> Places:
        from patronus.update.task import Places

        run, state = self._host.places.run, self._host.places.state
        return Places(
            task=run.with_name("patronus-update") / "task.json",
            fetch=run.with_name("patronus-update-fetch") / "report.json",
            install=run.with_name("patronus-update-install") / "report.json",
            facts=run.with_name("patronus-update-install") / "facts.json",
            disk_task=run.with_name("patronus-update") / "disk.json",
            disk=run.with_name("patronus-disk-install") / "report.json",
            check_task=run.with_name("patronus-update") / "check.json",
            check=run.with_name("patronus-check") / "report.json",
            state=state.with_name("patronus-update"),
            unproved=state.with_name("patronus-health") / "unproved.json",
        )

    def own_check(self) -> OwnCheck:
        """Return what has the owner's own check run."""
        from patronus.daemon.updates.own_check import OwnCheck

        return OwnCheck(self._host.units, self._places)

    @cached_property
    def _desk(self) -> Desk:
        """Return what talks to the two programs; no packet waits for it to be loaded."""
        from patronus.daemon.updates.desk import Desk

        return Desk(self._host.units, self._host.state, self._host.clock, self._places)

    def waiting(self) -> tuple[System, ...]:
        """Return the newer system in the other slot that was not started yet, where there is one."""
        from patronus.update.machine import Facts
        from patronus.update.task import read

        facts = read(Facts, self._places.facts)
        new = facts.waiting if facts else None
        root = facts.root_hash(new.version) if facts and new else None
        return (System(new.version, root),) if new and root else ()

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> UpdatePlan:  # noqa: ARG002
        """Return whether the timer shall run."""
        settings = settings_of(config)
        return UpdatePlan(automatic=settings.automatic and settings.source is not None)

    def steps(self, plan: UpdatePlan, running: UpdatePlan | None) -> Iterable[Step]:
        """Start or stop the timer where that changes."""
        before = running is not None and running.automatic
        if plan.automatic != before:
            yield Step(
                f"automatic updates {'on' if plan.automatic else 'off'}",
                do=lambda: self._switch(on=plan.automatic),
                undo=lambda: self._switch(on=before),
            )

    def _switch(self, *, on: bool) -> None:
        """Start or stop the timer; that it cannot be is said, and keeps nobody from routing."""
        self._fault = None
        try:
            (self._host.units.start if on else self._host.units.stop)(TIMER)
        except (KernelError, Unavailable) as error:
            self._fault = str(error)
            log.error("%s cannot be %s: %s", TIMER, "started" if on else "stopped", error)

    def observe(self, plan: UpdatePlan) -> Iterable[Difference]:  # noqa: ARG002
        """Find nothing: a timer that does not run is told by ``notice``, and refuses no change."""
        return ()

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs."""
        from patronus.daemon.updates.installer import InstallerVerbs
        from patronus.daemon.updates.verbs import UpdateVerbs
        from patronus.update.disk import World, disks

        yield from UpdateVerbs(
            self._desk, lambda: settings_of(self._host.control.config), self._due, self._host.units.reboot,
            lambda: self.look(),
        ).verbs()  # fmt: skip
        yield from InstallerVerbs(self._host.units, self._places, lambda: disks(World())).verbs()

    def _due(self) -> bool:
        """Return whether the window of automatic updates is open."""
        config = self._host.control.config
        system = getattr(config.sections.get("patronus"), "system", None)
        now = datetime.fromtimestamp(self._host.clock.wall(), UTC)
        return applies(settings_of(config).window, now, getattr(system, "timezone", "UTC"))

    def notice(self) -> str | None:
        """Return what a person should know: a version waits for a restart, or none can come."""
        if self._fault is not None:
            return f"no update comes by itself: {self._fault}"
        standing = self._desk.standing()
        if standing.waits_for_restart and standing.report:
            return f"version {standing.report.version} is installed and runs after a restart"
        return None


def create(host: Host) -> UpdateFeature:
    """Make the feature; called once by the daemon."""
    return UpdateFeature(host)
