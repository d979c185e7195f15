# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs that belong to the machine itself: its state, its table of verbs, restart and power-off."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

from pydantic import Field

from patronus.core.verb import Caller, Done, Nothing, Result, Role, Verb
from patronus.daemon.clock_settings import Timekeeping
from patronus.daemon.described import described
from patronus.daemon.machine import image_release, load_average, memory, root_hash
from patronus.daemon.notices import Notices
from patronus.daemon.settings import PatronusFile
from patronus.kernel.host import Host


class Memory(Result):
    """Memory of the machine."""

    total_bytes: int
    available_bytes: int


class Status(Result):
    """The router at a glance."""

    hostname: str
    image_version: str = Field(description="version of the running image")
    image_profile: str
    kernel: str = Field(description="release of the running kernel")
    uptime_s: float
    generation: int = Field(description="number of the running generation")
    load: float = Field(description="processes that want to run, mean of one minute")
    memory: Memory
    time: Timekeeping = Field(description="whether the clock can be believed, and who sets it")
    notices: list[str] = Field(description="what a person should know, in words")


class Description(Result):
    """Every verb of the daemon."""

    verbs: list[dict[str, Any]]


class Generation(Result):
    """The number of the running generation."""

    generation: int


class SystemVerbs:
    """Makes the verbs; ``known`` returns all of the daemon once it is put together."""

    def __init__(self, host: Host, notices: Notices, known: Callable[[], list[Verb[Any, Any]]]) -> None:
        self._host = host
        self._notices = notices
        self._known = known
        self._described: list[dict[str, Any]] = []
        self.time: Callable[[], Timekeeping] = lambda: Timekeeping(synchronised=False, servers=[], serves=[])

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs."""
        return [
            Verb("system.Status", Nothing, Status, self.status, route="GET /system/status"),
            Verb("system.Describe", Nothing, Description, self.describe, role=Role.NONE),
            Verb("system.Generation", Nothing, Generation, self.generation, role=Role.NONE),
            Verb(
                "system.Reboot", Nothing, Done, self.reboot, Role.ADMIN, "POST /system/reboot", changes=True
            ),
            Verb(
                "system.PowerOff",
                Nothing,
                Done,
                self.power_off,
                Role.ADMIN,
                "POST /system/power-off",
                changes=True,
            ),
        ]

    def status(self, caller: Caller, given: Nothing) -> Status:  # noqa: ARG002
        """Return the router at a glance."""
        total, available = memory()
        release = image_release()
        return Status(
            hostname=self._host.control.config.get(PatronusFile).system.hostname,
            image_version=release.version,
            image_profile=release.profile,
            kernel=platform.release(),
            uptime_s=self._host.clock.boottime(),
            generation=self._host.control.generation,
            load=load_average(),
            memory=Memory(total_bytes=total, available_bytes=available),
            time=self.time(),
            notices=self._notices.texts(),
        )

    def describe(self, caller: Caller, given: Nothing) -> Description:  # noqa: ARG002
        """Return the declaration of every verb: parameters, result, role and REST route."""
        if not self._described:
            self._described = described(self._known(), self._host.places.state / "state", root_hash())
        return Description(verbs=self._described)

    def generation(self, caller: Caller, given: Nothing) -> Generation:  # noqa: ARG002
        """Tell which generation runs, and nothing else: what an entity tag is made of."""
        return Generation(generation=self._host.control.generation)

    def reboot(self, caller: Caller, given: Nothing) -> Done:  # noqa: ARG002
        """Restart the router; what is not confirmed is gone afterwards."""
        self._host.units.reboot()
        return Done()

    def power_off(self, caller: Caller, given: Nothing) -> Done:  # noqa: ARG002
        """Switch the router off."""
        self._host.units.power_off()
        return Done()
