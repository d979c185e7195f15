# SPDX-License-Identifier: GPL-2.0-or-later
"""The translator inside patronusd: tells tayga, starts and stops it; that it cannot start refuses nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Nothing, Verb
from patronus.kernel.host import Host
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.nat64.plan import MAP, Nat64Plan, plan
from patronus.network.nat64.verbs import Nat64Status, TranslatedHost
from patronus.network.told.service import Told

SERVICE = "patronus-nat64.service"
PROGRAM = Path("/usr/sbin/tayga")


class Nat64Feature(Feature[Nat64Plan, None]):
    """Starts, tells and stops tayga."""

    name = "nat64"

    def __init__(self, host: Host, program: Path = PROGRAM) -> None:
        self._host = host
        self._program = program
        self._told = Told(host.units, SERVICE, host.places.nat64)
        self._plan = Nat64Plan()

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> Nat64Plan:  # noqa: ARG002
        """Return what tayga is told."""
        return plan(config, earlier.find(InterfacesPlan) or InterfacesPlan())

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Refuse a translator on an image that has none."""
        for position, item in enumerate(config.get(Interfaces).interfaces):
            if item.nat64 is not None and not self._program.exists():
                path = ("network/interfaces", "interfaces", position, "nat64")
                text = "this image has no translator"
                hint = "the profiles standard and full have it"
                yield Problem(path, text, item.id, hint=hint, location=config.locate(path))

    def steps(self, plan: Nat64Plan, running: Nat64Plan | None) -> Iterator[Step]:
        """Tell tayga, or stop it; a daemon that starts sees to it that it reads what stands there."""
        before, earlier = self._told.present(), self._plan
        unsure = self._told.refused is not None or (running is None and plan.text is not None)
        if before != plan.text or unsure or plan != earlier:
            yield Step(
                "translate between IPv6 and IPv4" if plan.text is not None else "translate no IPv6",
                do=lambda: self._switch(plan.text, plan),
                undo=lambda: self._switch(before, earlier),
            )

    def _switch(self, text: str | None, plan: Nat64Plan) -> None:
        """Bring tayga to a configuration; hosts keep their addresses of the pool while it is the same."""
        self._plan = plan
        self._told.bring(text)

    def observe(self, plan: Nat64Plan) -> Iterator[Difference]:
        """Compare what tayga was told, and look whether it runs; that it does not refuses no change."""
        return self._told.differences("translation between IPv6 and IPv4", plan.text)

    def notice(self) -> str | None:
        """Return what a person should know: that hosts of IPv6 do not reach IPv4."""
        return f"hosts of IPv6 do not reach IPv4: {self._told.refused}" if self._told.refused else None

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verb on the translator."""
        return (Verb("nat64.Status", Nothing, Nat64Status, self.status, route="GET /nat64"),)

    def status(self, _: Caller, __: Nothing) -> Nat64Status:
        """Say whether hosts of IPv6 reach IPv4, and which address each has there."""
        fault = self._told.fault()
        told = self._plan.text is not None
        return Nat64Status(
            interface=self._plan.role,
            prefix=self._plan.prefix,
            pool=self._plan.pool,
            running=told and fault is None,
            reason=fault,
            hosts=list(self._hosts()) if told else [],
        )

    def _hosts(self) -> Iterator[TranslatedHost]:
        """Yield what tayga wrote: lines of an address of the pool, the host's, and a time."""
        try:
            text = (self._host.places.tayga / MAP).read_text(encoding="ascii", errors="replace")
        except OSError:
            return
        found = [words for line in text.splitlines() if len(words := line.split()) == 3 and words[0] != "#"]
        for four, six, _ in sorted(found, key=lambda words: int(IPv4Address(words[0]))):
            yield TranslatedHost(ipv6=six, ipv4=four)


def create(host: Host) -> Nat64Feature:
    """Make the feature; called once by the daemon."""
    return Nat64Feature(host)
