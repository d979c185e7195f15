# SPDX-License-Identifier: GPL-2.0-or-later
"""The main file, ``patronus.toml``: the router's name, where the admin page listens, how commits behave."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator

from patronus.core.errors import KernelError, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.model import Configuration, Section, Strict
from patronus.core.problem import Problem
from patronus.core.values import Address, Duration, Hostname, Port, Refused, TimeZone, ZoneId, write_duration
from patronus.daemon.clock_settings import TimeSettings
from patronus.daemon.remote_log import LoggingSettings
from patronus.daemon.updates.settings import UpdateSettings
from patronus.kernel.host import Host
from patronus.network.interfaces.model import Interfaces
from patronus.network.opening import Opening

log = logging.getLogger(__name__)


class SystemSettings(Strict):
    """Who this router is."""

    hostname: Hostname = Field(default="patronus", description="name of the router, without its domain")
    timezone: TimeZone = Field(default="UTC", description="time zone of schedules, an IANA name")


class WebSettings(Strict):
    """Where the admin page can be reached."""

    zones: tuple[ZoneId, ...] = Field(default=("lan",), description="zones from which the page is reachable")
    port: Port = Field(default=443, description="TCP port of the page")
    allow_wan: bool = Field(
        default=False, description="needed beside `zones` before the page opens to the zone wan"
    )


DAY_S = 86400


class EngineSettings(Strict):
    """How changes are committed."""

    confirm_default: Duration = Field(
        default=90,
        description="a change made from a remote session reverts unless confirmed within this time",
    )

    watch: bool = Field(
        default=False, description="whether edits of the files are taken by themselves once they rest"
    )
    watch_quiet: Duration = Field(default=5, description="how long the files must rest before they are taken")
    drift_check: Duration = Field(default=60, description="how often the kernel is compared with the plan")

    @field_validator("drift_check")
    @classmethod
    def _leaves_time(cls, seconds: int) -> int:
        if not 1 <= seconds <= DAY_S:
            raise Refused(
                f"{write_duration(seconds)} is too {'long' if seconds else 'short'}",
                f"{write_duration(1)} to {write_duration(DAY_S)}",
            )
        return seconds


class PatronusFile(Strict):
    """The router itself: its name and time, its page, logs, updates, how changes are committed."""

    schema_version: Literal[1] = Field(default=1, description="version of the configuration's format")
    system: SystemSettings = Field(default=SystemSettings.unsaid(), description="who this router is")
    web: WebSettings = Field(default=WebSettings.unsaid(), description="where the admin page can be reached")
    engine: EngineSettings = Field(default=EngineSettings.unsaid(), description="how changes are committed")
    logging: LoggingSettings = Field(
        default=LoggingSettings.unsaid(), description="where logs go besides the journal"
    )
    time: TimeSettings = Field(default=TimeSettings.unsaid(), description="who sets the clock")
    update: UpdateSettings = Field(
        default=UpdateSettings.unsaid(), description="where new versions of the system come from"
    )


def router_addresses(config: Configuration, zones: Iterable[str] | None = None) -> list[Address]:
    """Return the router's own fixed addresses, all of them or those in ``zones``, in the file's order."""
    wanted = None if zones is None else set(zones)
    return [
        address.ip
        for interface in config.get(Interfaces).interfaces
        if wanted is None or interface.zone in wanted
        for address in (*interface.ipv4.addresses, *interface.ipv6.addresses)
    ]


SECTION = Section("patronus", PatronusFile, default_suffix=".toml")
WEB_PORT = 443


@dataclass(frozen=True)
class SystemPlan(Plan):
    """The router's name; the admin page's openings travel as contributions."""

    hostname: str = "patronus"


class SystemFeature(Feature[SystemPlan, None]):
    """What belongs to no other feature: the main file."""

    name = "system"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._refused: str | None = None

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Refuse an admin page on the WAN that was not asked for twice."""
        web = config.get(PatronusFile).web
        if "wan" in web.zones and not web.allow_wan:
            path = ("patronus", "web", "zones")
            yield Problem(
                path=path,
                message="the admin page would be open to the zone wan",
                value=list(web.zones),
                hint="set allow_wan = true beside it if that is what you want",
                location=config.locate(path),
            )
        if web.port != WEB_PORT:
            path = ("patronus", "web", "port")
            yield Problem(
                path=path,
                message=f"the admin page listens on port {WEB_PORT} in this version",
                value=web.port,
                allowed=str(WEB_PORT),
                location=config.locate(path),
            )

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> SystemPlan:  # noqa: ARG002
        """Return the name and the openings of the admin page."""
        file = config.get(PatronusFile)
        openings = tuple(Opening(zone, "tcp", (file.web.port,), "web") for zone in file.web.zones)
        return SystemPlan(contributions=openings, hostname=file.system.hostname)

    def steps(self, plan: SystemPlan, running: SystemPlan | None) -> Iterator[Step]:  # noqa: ARG002
        """Set the kernel's host name where it differs."""
        before = self._host.units.hostname()
        if before != plan.hostname:
            yield Step(
                f"host name {plan.hostname}",
                do=lambda: self._name(plan.hostname),
                undo=lambda: self._name(before),
            )

    def _name(self, hostname: str) -> None:
        """Set the kernel's host name; a name is no reason to keep a router from routing."""
        self._refused = None
        try:
            self._host.units.set_hostname(hostname)
        except (KernelError, Unavailable) as error:
            self._refused = hostname
            log.error("the host name cannot be set to %s: %s", hostname, error)

    def observe(self, plan: SystemPlan) -> Iterator[Difference]:
        """Compare the kernel's host name; one that could not be set has been said."""
        found = self._host.units.hostname()
        if found != plan.hostname != self._refused:
            yield Difference("host name", plan.hostname, found)


def create(host: Host) -> SystemFeature:
    """Make the feature; called once by the daemon."""
    return SystemFeature(host)
