# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of updates: look, bring in, go back, and how it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from patronus.core.errors import Conflict, InvalidRequest, PatronusError
from patronus.core.verb import Caller, Nothing, Parameters, Result, Role, Verb
from patronus.daemon.machine import image_release
from patronus.daemon.updates.desk import Desk, State, progress
from patronus.daemon.updates.settings import UpdateSettings, parse_source
from patronus.update.health import Finding, ailments
from patronus.update.machine import Facts
from patronus.update.task import Task
from patronus.update.version import is_version


def _version(text: str) -> str:
    if not is_version(text):
        raise ValueError("a version is numbers with dots between them, such as 0.2.0")
    return text


Version = Annotated[str, Field(max_length=40), AfterValidator(_version)]
Where = Annotated[str, Field(max_length=2000), AfterValidator(parse_source)]


class OfferedRelease(Result):
    """A version that the source has."""

    version: str
    download_bytes: int
    problems: list[str] = Field(description="why it is not taken, in words; empty: it would be")


class BootEntry(Result):
    """A version on this disk. ``tries_left``: starts that are left to it, none for one that is good."""

    version: str
    running: bool
    tries_left: int | None
    failed: bool = Field(description="whether it failed to start too often and is not used any more")


class Looked(Result):
    """One thing that a healthy router does: whether it is well, and what was seen."""

    name: str
    well: bool
    said: str


class HealthReport(Result):
    """How healthy the router is now."""

    healthy: bool
    findings: list[Looked]


class Status(Result):
    """How the system stands, and how the last task goes."""

    running: str = Field(description="version of the image that runs")
    good: bool | None = Field(description="whether the running version has proved itself; null: not known")
    systems: list[BootEntry] = Field(description="what is on the disk; empty where that is not known")
    source: str | None = Field(description="where new versions come from")
    task: str | None = Field(description="what was asked last: check, install, roll-back")
    state: State
    step: str = ""
    done: int = Field(default=0, description="bytes of this step that are done")
    total: int = 0
    error: str | None = None
    offers: list[OfferedRelease] = Field(description="what the last check found, the newest first")
    installed: str | None = Field(description="version that the next restart starts, where it is another")
    refused: dict[str, str] = Field(description="version → why it is not taken")
    health: list[Looked] = Field(description="what the last look at the health found; empty before the first")


class Check(Parameters):
    """Where to look; without ``source``, as configured."""

    source: Where | None = None


class Apply(Parameters):
    """What to bring in; without ``version``, the newest that the source has."""

    source: Where | None = None
    version: Version | None = None
    allow_downgrade: bool = Field(default=False, description="take an older version than runs")
    again: bool = Field(default=False, description="take a version that was refused")


class Turn(Result):
    """What came of one turn of automatic updates."""

    done: str = Field(description="what was done, or why nothing was")


class UpdateVerbs:
    """Makes the verbs. ``settings`` are those that run; ``due`` tells whether their window is open now.

    ``look`` looks how healthy the router is.
    """

    def __init__(
        self,
        desk: Desk,
        settings: Callable[[], UpdateSettings],
        due: Callable[[], bool],
        reboot: Callable[[], None],
        look: Callable[[], list[Finding]],
    ) -> None:
        self._desk = desk
        self._settings = settings
        self._due = due
        self._reboot = reboot
        self._look = look
        self._found: list[Looked] = []

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs."""
        return (
            Verb("update.Status", Nothing, Status, self.status, route="GET /update"),
            Verb("update.Health", Nothing, HealthReport, self.health, route="GET /update/health"),
            Verb("update.Check", Check, Status, self.check, Role.ADMIN, "POST /update/check", changes=True),
            Verb("update.Apply", Apply, Status, self.apply, Role.ADMIN, "POST /update/apply", changes=True),
            Verb("update.RollBack", Nothing, Status, self.roll_back, Role.ADMIN, "POST /update/roll-back",
                 changes=True),
            Verb("update.Automatic", Nothing, Turn, self.automatic, Role.ADMIN, changes=True),
        )  # fmt: skip

    def status(self, caller: Caller, given: Nothing) -> Status:  # noqa: ARG002
        """Say which versions are on this router, and how the last update goes."""
        return self._status()

    def _status(self) -> Status:
        facts, standing = self._desk.facts(), self._desk.standing()
        running, report = image_release().version, standing.report
        offers = [OfferedRelease(**offer.model_dump()) for offer in report.offers] if report else []
        action = standing.task.action if standing.task else "look"
        return Status(
            running=running,
            good=_good(facts),
            systems=_systems(facts),
            source=self._settings().source,
            task=None if action == "look" else action,
            state=standing.state,
            **progress(standing),
            error=standing.error,
            offers=offers,
            installed=report.version if report and standing.state == "done" else None,
            refused=self._desk.refused(),
            health=self._found,
        )

    def health(self, caller: Caller, given: Nothing) -> HealthReport:  # noqa: ARG002
        """Look whether the router does all that a healthy one does; a new version proves itself by it."""
        found = self._look()
        self._found = [Looked(**one.model_dump()) for one in found]
        return HealthReport(healthy=not ailments(found), findings=self._found)

    def _source(self, given: str | None) -> tuple[str, str | None]:
        settings = self._settings()
        source = given or settings.source
        if source is None:
            raise InvalidRequest("no source of updates is named: [update] source in patronus.toml")
        return source, settings.ca

    def check(self, caller: Caller, given: Check) -> Status:  # noqa: ARG002
        """Look which versions a source has; returns at once, the status says what came of it."""
        source, ca = self._source(given.source)
        refused = self._desk.refused()
        self._desk.hand_out(
            lambda number: Task(number=number, action="check", source=source, ca=ca, refused=refused),
            standing=False,
        )
        return self._status()

    def apply(self, caller: Caller, given: Apply) -> Status:  # noqa: ARG002
        """Bring a version into the other slot; returns at once, the status says how it goes.

        It runs after the next restart. What runs now is not touched.
        """
        source, ca = self._source(given.source)
        refused = self._desk.refused()
        self._desk.hand_out(
            lambda number: Task(
                number=number, action="install", source=source, ca=ca, version=given.version,
                allow_downgrade=given.allow_downgrade, again=given.again, refused=refused,
            ),
            standing=True,
        )  # fmt: skip
        return self._status()

    def roll_back(self, caller: Caller, given: Nothing) -> Status:  # noqa: ARG002
        """Let the next restart start the other version, and take the one that runs no more."""
        running = image_release().version
        self._desk.hand_out(lambda number: Task(number=number, action="roll-back"), standing=False)
        standing = self._desk.standing()
        if standing.state != "done":
            raise Conflict(standing.error or "the other version is not started: nobody knows why")
        self._desk.refuse(running, f"{caller.name} went back from it")
        return self._status()

    def automatic(self, caller: Caller, given: Nothing) -> Turn:  # noqa: ARG002
        """Take one turn of automatic updates: install, or restart into what was installed."""
        settings, standing = self._settings(), self._desk.standing()
        if not settings.automatic:
            return Turn(done="automatic updates are off")
        if not self._due():
            return Turn(done="it is not the hour")
        if standing.waits_for_restart and standing.report:
            self._reboot()
            return Turn(done=f"the router restarts into version {standing.report.version}")
        try:
            self.apply(caller, Apply())
        except PatronusError as error:
            return Turn(done=f"no update now: {error}")
        return Turn(done="a new version is looked for")


def _good(facts: Facts | None) -> bool | None:
    entry = facts.running_entry if facts else None
    return entry.left is None if entry else None


def _systems(facts: Facts | None) -> list[BootEntry]:
    return [
        BootEntry(version=entry.version, running=entry.version == facts.running, tries_left=entry.left,
                  failed=entry.bad)
        for entry in facts.entries
    ] if facts else []  # fmt: skip
