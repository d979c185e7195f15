# SPDX-License-Identifier: GPL-2.0-or-later
"""Multicast DNS inside patronusd: tells avahi between which networks it repeats. It refuses no change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.kernel.host import Host
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.mdns.check import check
from patronus.network.mdns.model import SECTION, Mdns
from patronus.network.mdns.plan import MdnsPlan, plan
from patronus.network.told.service import Told

SERVICE = "patronus-mdns.service"


class MdnsFeature(Feature[MdnsPlan, None]):
    """Starts, tells and stops avahi."""

    name = "mdns"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
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


def create(host: Host) -> MdnsFeature:
    """Make the feature; called once by the daemon."""
    return MdnsFeature(host)
