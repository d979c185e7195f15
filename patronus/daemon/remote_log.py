# SPDX-License-Identifier: GPL-2.0-or-later
"""Logs to another machine: ``[logging]`` of the main file, the process that it starts, its verbs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator

from patronus.core.errors import KernelError, NotPermitted, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.model import Configuration, Strict
from patronus.core.values import Certificates, Refused, metadata, parse_url, shown
from patronus.core.verb import Caller, Done, Grant, Nothing, Parameters, Result, Role, Verb
from patronus.kernel.host import Host

log = logging.getLogger(__name__)

SERVICE = "patronus-forward.service"
USER = "patronus-forward"
GRANT = Grant("forward", Role.NONE, ("logging.Instructions", "logging.Report"))
"""What the forwarding process may: its own verbs, and nothing else."""
PORT = 6514
"""RFC 5425 section 4.1."""
SCHEME = "syslog+tls"
SILENT_S = 60.0
"""The process tells how it goes every 15 s; past this it is not there."""


def parse_remote(value: Any) -> str:
    """Return the URL of a syslog server. Raises Refused."""
    allowed = f"{SCHEME}://host:{PORT}"
    parts = urlsplit(text := parse_url(value, (SCHEME,)))
    if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise Refused(f"{shown(value)} is more than a server's name and port", allowed)
    return text


class LoggingSettings(Strict):
    """Where logs go besides the journal."""

    remote: (
        Annotated[
            str,
            PlainValidator(parse_remote),
            metadata.text("syslog+tls://host:port", "syslog+tls://log.example:6514", format="uri"),
        ]
        | None
    ) = Field(
        default=None, description="syslog server to which the journal is sent, `syslog+tls://host:6514`"
    )
    ca: Certificates | None = Field(
        default=None,
        description="certificates (PEM) that the server's must come from; else the well-known authorities",
    )


@dataclass(frozen=True)
class Target:
    """The server."""

    host: str
    port: int
    ca: str | None = None


def target_of(settings: LoggingSettings) -> Target | None:
    """Return the server that the settings name."""
    if settings.remote is None:
        return None
    parts = urlsplit(settings.remote)
    return Target(str(parts.hostname), parts.port or PORT, settings.ca)


@dataclass(frozen=True)
class RemoteLogPlan(Plan):
    """The server to send to, None for none."""

    target: Target | None = None


State = Literal["off", "starting", "connected", "failed"]


class Status(Result):
    """How the forwarding of the journal goes."""

    state: State
    remote: str | None = None
    sent: int = Field(description="entries sent since the process started")
    error: str | None = Field(default=None, description="why nothing is sent")


class Instructions(Result):
    """Where to send; no host: nowhere."""

    host: str | None = None
    port: int = PORT
    ca: str | None = None


class Report(Parameters):
    """How it goes."""

    connected: bool
    sent: int = Field(ge=0)
    error: str | None = Field(default=None, max_length=2000)


class RemoteLog(Feature[RemoteLogPlan, None]):
    """Starts, restarts and stops the process; a router routes as well without it."""

    name = "logging"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._report: Report | None = None
        self._heard = 0.0
        self._refused: str | None = None
        self._target: Target | None = None

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> RemoteLogPlan:  # noqa: ARG002
        """Return the server."""
        return RemoteLogPlan(target=target_of(settings_of(config)))

    def steps(self, plan: RemoteLogPlan, running: RemoteLogPlan | None) -> Iterator[Step]:
        """Restart or stop the process where the server changes."""
        before = running.target if running is not None else None
        if plan.target != before:
            yield Step(
                f"logs to {plan.target.host}" if plan.target else "logs stay here",
                do=lambda: self._switch(plan.target),
                undo=lambda: self._switch(before),
            )

    def _switch(self, target: Target | None) -> None:
        """Bring the process to the server; that it cannot be is said, and keeps nobody from routing."""
        self._report = self._refused = None
        self._target = target
        units = self._host.units
        try:
            (units.stop if target is None else units.restart)(SERVICE)
        except (KernelError, Unavailable) as error:
            self._refused = str(error)
            log.error("%s: %s", SERVICE, error)

    def observe(self, plan: RemoteLogPlan) -> Iterable[Difference]:  # noqa: ARG002
        """Find nothing: how it goes is in the status, and a log that goes nowhere refuses no change."""
        return ()

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs: one for people, two for the process."""
        return (
            Verb("logging.Status", Nothing, Status, self.status, route="GET /logging"),
            Verb("logging.Instructions", Nothing, Instructions, self.instructions, Role.ADMIN),
            Verb("logging.Report", Report, Done, self.report, Role.ADMIN),
        )

    def status(self, caller: Caller, given: Nothing) -> Status:  # noqa: ARG002
        """Tell whether the journal reaches the syslog server, and why not."""
        settings = settings_of(self._host.control.config)
        state, error = self._standing(settings)
        sent = self._report.sent if self._report else 0
        return Status(state=state, remote=settings.remote, sent=sent, error=error)

    def _standing(self, settings: LoggingSettings) -> tuple[State, str | None]:
        if settings.remote is None:
            return "off", None
        if self._refused is not None:
            return "failed", self._refused
        if self._report is None:
            return "starting", None
        if self._report.error is None and self._host.clock.boottime() - self._heard > SILENT_S:
            return "failed", "the forwarding process is silent"
        return ("connected" if self._report.connected else "failed"), self._report.error

    def notice(self) -> str | None:
        """Return what a person should know: that logs do not reach their server."""
        settings = settings_of(self._host.control.config)
        state, error = self._standing(settings)
        return f"the logs do not reach {settings.remote}: {error}" if state == "failed" else None

    def instructions(self, caller: Caller, given: Nothing) -> Instructions:  # noqa: ARG002
        """Tell the forwarding process where to send."""
        _only_the_process(caller)
        target = self._target  # the process asks while the change that names it is still being applied
        if target is None:
            return Instructions()
        return Instructions(host=target.host, port=target.port, ca=target.ca)

    def report(self, caller: Caller, given: Report) -> Done:
        """Take down how it goes."""
        _only_the_process(caller)
        self._report, self._heard = given, self._host.clock.boottime()
        return Done()


def settings_of(config: Configuration) -> LoggingSettings:
    """Return the part of the main file."""
    found = getattr(config.sections.get("patronus"), "logging", None)
    return found if isinstance(found, LoggingSettings) else LoggingSettings()


def _only_the_process(caller: Caller) -> None:
    if caller.name != USER or caller.session is not None or caller.token is not None:
        raise NotPermitted(f"only the process of {USER} calls this")


def create(host: Host) -> RemoteLog:
    """Make the feature; called once by the daemon."""
    return RemoteLog(host)
