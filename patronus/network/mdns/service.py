# SPDX-License-Identifier: GPL-2.0-or-later
"""Multicast DNS inside patronusd: tells avahi between which networks it repeats. It refuses no change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from patronus.core.control import CommitReport, commit
from patronus.core.edit import Edit, Replace
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.kernel.host import Host
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mdns.check import check
from patronus.network.mdns.model import SECTION, Mdns
from patronus.network.mdns.plan import MdnsPlan, plan
from patronus.network.mdns.verbs import MdnsStatus, RepeatMdns
from patronus.network.told.service import Told

SERVICE = "patronus-mdns.service"
WAITING = "fewer than two of these networks have a card"


class MdnsFeature(Feature[MdnsPlan, None]):
    """Starts, tells and stops avahi."""

    name = "mdns"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._told = Told(host.units, SERVICE, host.places.mdns)

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the section."""
        return check(config)

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> MdnsPlan:  # noqa: ARG002
        """Return what avahi is told, and the openings."""
        return plan(config.get(Mdns), earlier.find(InterfacesPlan) or InterfacesPlan())

    def steps(self, plan: MdnsPlan, running: MdnsPlan | None) -> Iterator[Step]:
        """Tell avahi, or stop it; a daemon that starts sees to it that it reads what stands there."""
        before = self._told.present()
        unsure = self._told.refused is not None or (running is None and plan.text is not None)
        if before != plan.text or unsure:
            yield Step(
                "multicast DNS between networks" if plan.text is not None else "no multicast DNS",
                do=lambda: self._told.bring(plan.text),
                undo=lambda: self._told.bring(before),
            )

    def observe(self, plan: MdnsPlan) -> Iterator[Difference]:
        """Compare what avahi was told, and look whether it runs; that it does not refuses no change."""
        return self._told.differences("multicast DNS", plan.text)

    def notice(self) -> str | None:
        """Return what a person should know: that nothing is repeated."""
        return f"multicast DNS is not repeated: {self._told.refused}" if self._told.refused else None

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs."""
        return (
            Verb("mdns.Status", Nothing, MdnsStatus, self.status, route="GET /mdns"),
            Verb(
                "mdns.Repeat", RepeatMdns, CommitReport, self.repeat, Role.ADMIN, "PUT /mdns", changes=True
            ),
        )  # fmt: skip

    def status(self, _: Caller, __: Nothing) -> MdnsStatus:
        """Show between which networks hosts find each other, and why they do not."""
        model = self._host.control.config.get(Mdns)
        fault, told = self._told.fault(), self._told.present() is not None
        waiting = WAITING if model.between and not told else None
        return MdnsStatus(
            running=told and fault is None,
            reason=fault or waiting,
            between=list(model.between),
            only=list(model.only),
        )

    def repeat(self, caller: Caller, given: RepeatMdns) -> CommitReport:
        """Say between which networks hosts find each other; without any it is off."""
        edits: list[Edit] = [Replace(SECTION.path, ("between",), list(given.between))]
        if given.only is not None:
            edits.append(Replace(SECTION.path, ("only",), list(given.only)))
        said = f"multicast DNS between {', '.join(given.between)}" if given.between else "no multicast DNS"
        return commit(self._host.control, edits, caller, given, said)


def create(host: Host) -> MdnsFeature:
    """Make the feature; called once by the daemon."""
    return MdnsFeature(host)
