# SPDX-License-Identifier: GPL-2.0-or-later
"""The clock: ``[time]`` of the main file, and systemd-timesyncd, which sets the clock from time servers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from patronus.core.errors import KernelError, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.model import Configuration, Strict
from patronus.core.values import Refused, metadata, parse_address, parse_domain_name, shown, text_of
from patronus.core.verb import Result
from patronus.kernel.clock import synchronised
from patronus.kernel.host import Host
from patronus.network.interfaces.plan import InterfacesPlan

log = logging.getLogger(__name__)

SERVICE = "systemd-timesyncd.service"
MOST_SERVERS = 8
_ALLOWED = "an address or a domain name"


def parse_server(value: Any) -> str:
    """Return the address or name of a time server. Raises Refused."""
    text = text_of(value, "a time server", _ALLOWED)
    if ":" not in text and not text.replace(".", "").isdigit():
        return parse_domain_name(text)
    address = parse_address(text)
    if address.is_unspecified or address.is_multicast:
        raise Refused(f"{shown(value)} is not the address of one server", _ALLOWED)
    return str(address)


class TimeSettings(Strict):
    """Who sets the clock."""

    servers: tuple[
        Annotated[str, PlainValidator(parse_server), metadata.text(_ALLOWED, "192.0.2.1", "ntp.example")], ...
    ] = Field(
        default=(),
        max_length=MOST_SERVERS,
        description="NTP servers, the preferred one first; without any, those that the uplinks' DHCP gave",
    )


@dataclass(frozen=True)
class TimePlan(Plan):
    """The servers to ask, in their order; without any the clock is left alone."""

    servers: tuple[str, ...] = ()


class Timekeeping(Result):
    """Whether the clock can be believed."""

    synchronised: bool = Field(description="whether a time server has set the clock since the boot")
    servers: list[str] = Field(description="NTP servers that are asked")


def render(plan: TimePlan) -> str | None:
    """Return the text of the client's configuration, timesyncd.conf(5); None where it shall not run."""
    if not plan.servers:
        return None
    return f"# Written by patronusd.\n[Time]\nNTP={' '.join(plan.servers)}\n"


class TimeFeature(Feature[TimePlan, None]):
    """Starts and stops the client; a router routes as well without it."""

    name = "time"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._path = host.places.time_servers
        self._servers: tuple[str, ...] = ()
        self._refused: str | None = None

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> TimePlan:  # noqa: ARG002
        """Return the configured servers, or those that the uplinks gave."""
        links = earlier.find(InterfacesPlan) or InterfacesPlan()
        given = [str(server) for learned in links.learned.values() for server in learned.ntp_servers]
        servers = settings_of(config).servers or given
        return TimePlan(servers=tuple(dict.fromkeys(servers))[:MOST_SERVERS])

    def steps(self, plan: TimePlan, running: TimePlan | None) -> Iterator[Step]:
        """Tell the client other servers, or stop it; a daemon that starts sees to it that the client runs."""
        before, after = self._present(), render(plan)
        earlier = self._servers
        unsure = self._refused is not None or (running is None and after is not None)
        if before != after or unsure:
            yield Step(
                f"time from {', '.join(plan.servers)}" if plan.servers else "no time servers",
                do=lambda: self._switch(after, plan.servers),
                undo=lambda: self._switch(before, earlier),
            )

    def _present(self) -> str | None:
        """Return what the client was told last; a file that cannot be read is none."""
        try:
            return self._path.read_text(encoding="utf-8")
        except OSError:
            return None

    def _switch(self, text: str | None, servers: tuple[str, ...]) -> None:
        """Bring the client to the servers; that it cannot be is said, and keeps nobody from routing.

        It stands still while its file changes: wherever this ends early, starting it is all that is left.
        """
        self._refused, self._servers = None, servers
        try:
            if text != self._present():
                self._host.units.stop(SERVICE)
                _replace(self._path, text)
            if text is not None:
                self._host.units.start(SERVICE)
        except (KernelError, Unavailable, OSError) as error:
            self._refused, self._servers = str(error), ()
            log.error("the time servers cannot be set: %s", error)

    def observe(self, plan: TimePlan) -> Iterator[Difference]:
        """Compare what the client was told; what could not be told has been said."""
        found, wanted = self._present(), render(plan)
        if found != wanted and self._refused is None:
            yield Difference("time servers", wanted or "none", found or "none")

    def notice(self) -> str | None:
        """Return what a person should know: that the client could not be brought to its servers."""
        return f"the time servers cannot be set: {self._refused}" if self._refused else None

    def state(self) -> Timekeeping:
        """Return whether the clock is set, and from where."""
        stamp = self._host.places.timesync
        return Timekeeping(synchronised=synchronised(stamp), servers=list(self._servers))


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
