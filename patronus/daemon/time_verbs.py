# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on the clock: what chronyd says of its servers, and who is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field

from patronus.core.control import Change, CommitReport, Control, commit
from patronus.core.edit import Edit, Replace
from patronus.core.errors import InvalidRequest, KernelError
from patronus.core.model import as_data
from patronus.core.values import TimeZone
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.daemon.chrony import STATUS_PORT
from patronus.daemon.clock_report import TimeSource, Tracking, sources, tracking
from patronus.daemon.clock_settings import Timekeeping, TimeSettings
from patronus.daemon.settings import SECTION, PatronusFile
from patronus.kernel.process import run

ASK = ("chronyc", "-c", "-n", "-N", "-h", "127.0.0.1", "-p", str(STATUS_PORT))
ASK_TIME_S = 5.0


class ClockStatus(Timekeeping):
    """The clock, its servers, and how far it is off."""

    now: str = Field(description="this moment in the router's time zone, ISO 8601")
    timezone: str = Field(description="time zone of schedules, an IANA name")
    nts: bool = Field(description="whether only servers that prove themselves are believed")
    tracking: Tracking | None = Field(description="how the clock goes; null where chronyd does not answer")
    sources: list[TimeSource] = Field(description="the servers, as chronyd has them")
    reason: str | None = Field(description="why chronyd does not answer, where it should")
    configuration: dict[str, Any] = Field(description="the table [time] as it stands")


class SetTime(Change):
    """Who sets the clock, and whose; what is left out stays as it is."""

    time: TimeSettings | None = Field(default=None, description="the table [time], whole")
    timezone: TimeZone | None = Field(default=None, description="time zone of schedules, an IANA name")


class TimeVerbs:
    """Asks chronyd, and edits the main file. ``state`` says what the feature knows."""

    def __init__(self, control: Control, state: Callable[[], Timekeeping]) -> None:
        self._control = control
        self._state = state

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declarations."""
        yield Verb("time.Status", Nothing, ClockStatus, self.status, route="GET /time")
        yield Verb("time.Set", SetTime, CommitReport, self.set, Role.ADMIN, "PUT /time", changes=True)

    def status(self, _: Caller, __: Nothing) -> ClockStatus:
        """Show the clock: whom it follows, how far it is off, and how its servers answer."""
        state, file = self._state(), self._control.config.get(PatronusFile)
        seen, found, reason = None, [], None
        if state.servers or state.serves:
            try:
                seen, found = tracking(_ask("tracking")), sources(_ask("sources"))
            except KernelError as error:
                reason = str(error)
        here = datetime.now(UTC).astimezone(ZoneInfo(file.system.timezone))
        return ClockStatus(
            **state.model_dump(),
            now=here.isoformat(timespec="seconds"),
            timezone=file.system.timezone,
            nts=file.time.nts,
            tracking=seen,
            sources=found,
            reason=reason,
            configuration=as_data(file.time),
        )

    def set(self, caller: Caller, given: SetTime) -> CommitReport:
        """Say who sets the clock, whose hosts may ask, and the time zone."""
        edits: list[Edit] = []
        if given.time is not None:
            edits.append(Replace(SECTION.path, ("time",), as_data(given.time)))
        if given.timezone is not None:
            edits.append(Replace(SECTION.path, ("system", "timezone"), given.timezone))
        if not edits:
            raise InvalidRequest("neither time nor timezone is given")
        return commit(self._control, edits, caller, given, "change the clock")


def _ask(command: str) -> str:
    return run([*ASK, command], timeout_s=ASK_TIME_S).stdout
