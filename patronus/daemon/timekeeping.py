# SPDX-License-Identifier: GPL-2.0-or-later
"""The clock: ``[time]`` of the main file, and chronyd, which sets the clock and gives the time to hosts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from patronus.core.errors import KernelError, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.model import Configuration
from patronus.core.problem import Path as ProblemPath
from patronus.core.problem import Problem
from patronus.core.verb import Verb
from patronus.daemon.chrony import PORT, render
from patronus.daemon.clock_settings import MOST_SERVERS, Timekeeping, TimeSettings
from patronus.kernel.clock import synchronised
from patronus.kernel.host import Host
from patronus.network.interfaces.check_vrf import not_in_vrf
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.opening import Opening
from patronus.network.time_served import TimeServed

log = logging.getLogger(__name__)

SERVICE = "patronus-ntp.service"


@dataclass(frozen=True)
class TimePlan(Plan):
    """The servers to ask, in their order, and whether hosts may ask; without either chronyd does not run."""

    servers: tuple[str, ...] = ()
    serves: bool = False
    nts: bool = False

    @property
    def words(self) -> str:
        """What is done, as a person reads it."""
        asked = f"time from {', '.join(self.servers)}" if self.servers else "no time servers"
        return f"{asked}, and time for hosts" if self.serves else asked

    @property
    def text(self) -> str | None:
        """What chronyd is told; None where it shall not run."""
        return render(self.servers, serves=self.serves, nts=self.nts) if self.servers or self.serves else None


class TimeFeature(Feature[TimePlan, None]):
    """Starts and stops the client; a router routes as well without it."""

    name = "time"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._path = host.places.time_servers
        self._plan = TimePlan()
        self._refused: str | None = None

    def check(self, config: Configuration) -> Iterator[Problem]:
        """Yield the interfaces to serve that do not exist, and servers that nobody could prove."""
        settings = settings_of(config)
        if settings.nts and not settings.servers:
            at: ProblemPath = ("patronus", "time", "nts")
            text = "nobody is asked: the servers that DHCP gives have no name to prove"
            yield Problem(at, text, value=True, hint="name servers", location=config.locate(at))
        known = {item.id for item in config.get(Interfaces).interfaces}
        for number, role in enumerate(settings.serve):
            if role not in known:
                path = ("patronus", "time", "serve", number)
                text, allowed = f"there is no interface {role}", ", ".join(sorted(known))
                yield Problem(path, text, role, allowed=allowed, location=config.locate(path))
            at = ("patronus", "time", "serve", number)
            every = config.get(Interfaces).interfaces
            for problem in not_in_vrf(at, role, every, "the time is not served"):
                yield replace(problem, location=config.locate(at))

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> TimePlan:  # noqa: ARG002
        """Return the configured servers, or those that the uplinks gave."""
        links = earlier.find(InterfacesPlan) or InterfacesPlan()
        given = [str(server) for learned in links.learned.values() for server in learned.ntp_servers]
        settings = settings_of(config)
        servers = settings.servers or (() if settings.nts else given)
        serve = tuple(dict.fromkeys(settings.serve))
        zones = {item.id: item.zone for item in config.get(Interfaces).interfaces}
        served = dict.fromkeys(zone for role in serve if (zone := zones.get(role)) is not None)
        openings = tuple(Opening(zone, "udp", (PORT,), "ntp") for zone in served)
        return TimePlan(
            contributions=(*openings, TimeServed(serve)) if serve else (),
            servers=tuple(dict.fromkeys(servers))[:MOST_SERVERS],
            serves=bool(serve),
            nts=settings.nts,
        )

    def steps(self, plan: TimePlan, running: TimePlan | None) -> Iterator[Step]:
        """Tell the client other servers, or stop it; a daemon that starts sees to it that the client runs."""
        before, after = self._present(), plan.text
        earlier = self._plan
        unsure = self._refused is not None or (running is None and after is not None)
        if before != after or unsure:
            yield Step(
                plan.words,
                do=lambda: self._switch(after, plan),
                undo=lambda: self._switch(before, earlier),
            )
        elif plan != earlier:
            yield Step("note who may ask for the time", lambda: self._note(plan), lambda: self._note(earlier))

    def _note(self, plan: TimePlan) -> None:
        self._plan = plan

    def _present(self) -> str | None:
        """Return what the client was told last; a file that cannot be read is none."""
        try:
            return self._path.read_text(encoding="utf-8")
        except OSError:
            return None

    def _switch(self, text: str | None, plan: TimePlan) -> None:
        """Bring the client to the servers; that it cannot be is said, and keeps nobody from routing.

        It stands still while its file changes: wherever this ends early, starting it is all that is left.
        """
        self._refused, self._plan = None, plan
        try:
            if text != self._present():
                self._host.units.stop(SERVICE)
                _replace(self._path, text)
            if text is not None:
                self._host.units.start(SERVICE)
        except (KernelError, Unavailable, OSError) as error:
            self._refused, self._plan = str(error), TimePlan()
            log.error("the time servers cannot be set: %s", error)

    def observe(self, plan: TimePlan) -> Iterator[Difference]:
        """Compare what the client was told; what could not be told has been said."""
        found, wanted = self._present(), plan.text
        if found != wanted and self._refused is None:
            yield Difference("time servers", wanted or "none", found or "none")

    def notice(self) -> str | None:
        """Return what a person should know: that the client could not be brought to its servers."""
        return f"the time servers cannot be set: {self._refused}" if self._refused else None

    def state(self) -> Timekeeping:
        """Return whether the clock is set, and from where."""
        stamp = self._host.places.timesync
        served = [
            role for item in self._plan.contributions if isinstance(item, TimeServed) for role in item.roles
        ]
        return Timekeeping(synchronised=synchronised(stamp), servers=list(self._plan.servers), serves=served)

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on the clock."""
        from patronus.daemon.time_verbs import TimeVerbs  # no packet waits for them to be loaded

        return TimeVerbs(self._host.control, self.state).verbs()


def _replace(path: Path, text: str | None) -> None:
    """Write the file, which the client reads as its own user, or delete it."""
    if text is None:
        path.unlink(missing_ok=True)
        return
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(path)


def settings_of(config: Configuration) -> TimeSettings:
    """Return the part of the main file."""
    found = getattr(config.sections.get("patronus"), "time", None)
    return found if isinstance(found, TimeSettings) else TimeSettings()


def create(host: Host) -> TimeFeature:
    """Make the feature; called once by the daemon."""
    return TimeFeature(host)
