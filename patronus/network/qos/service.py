# SPDX-License-Identifier: GPL-2.0-or-later
"""The shapers inside patronusd: puts the queues in, reads them back, and the verbs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from patronus.core.control import CommitReport, commit
from patronus.core.edit import Edit, Insert, Remove, Replace
from patronus.core.errors import InvalidRequest, LinkGone, NotFound
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration, as_data
from patronus.core.problem import Problem, Severity
from patronus.core.traffic import DeviceSeen
from patronus.core.verb import Caller, Nothing, Role, Verb
from patronus.kernel.host import Host
from patronus.kernel.traffic import Traffic
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.qos.changes import Change as QueueChange
from patronus.network.qos.check import SECTION_PATH, check
from patronus.network.qos.describe import describe
from patronus.network.qos.difference import PHASES, is_foreign
from patronus.network.qos.model import SECTION, Qos
from patronus.network.qos.plan import QosPlan, Setup, Shaping, plan, setups
from patronus.network.qos.tree import Abilities, method
from patronus.network.qos.verbs import RemoveShaper, SetShaper, ShaperChanged, ShaperList

log = logging.getLogger(__name__)


class QosFeature(Feature[QosPlan, None]):
    """Numbers in, queues out."""

    name = "qos"
    sections = (SECTION,)

    def __init__(self, host: Host, traffic: Traffic) -> None:
        self._host = host
        self._traffic = traffic
        self._plan = QosPlan()

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the shapers."""
        return check(config)

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> QosPlan:  # noqa: ARG002
        """Return the shapers on the devices that play their roles."""
        links = earlier.find(InterfacesPlan) or InterfacesPlan()
        return plan(config.get(Qos), links.devices)

    def _abilities(self) -> Abilities:
        return Abilities(self._traffic.knows("cake"), self._traffic.knows("fq_codel"))

    def rehearse(self, plan: QosPlan) -> Iterator[Problem]:
        """Warn of what this kernel cannot do, and of queues of others, which stay."""
        if not plan.shapings:
            return
        abilities, seen = self._abilities(), self._traffic.look()
        for item in plan.shapings:
            path = (SECTION_PATH, "shapers", item.position)
            reasons = {method(lane, abilities)[1] for lane in (item.upload, item.download) if lane}
            for reason in sorted(filter(None, reasons)):
                yield Problem(path, f"{item.role}: {reason}", item.role, severity=Severity.WARNING)
            found = seen.get(item.device or "")
            if item.upload and found is not None and is_foreign(found):
                text = f"{item.device} has a queue that somebody else put in; what leaves is not shaped"
                hint = f"tc qdisc del dev {item.device} root"
                yield Problem((*path, "upload"), text, item.role, hint=hint, severity=Severity.WARNING)

    def steps(self, plan: QosPlan, running: QosPlan | None) -> Iterator[Step]:
        """Yield what differs from the kernel; each step back leads to what ran before."""
        before = running if running is not None else QosPlan()
        if plan.shapings or before.shapings or running is None:
            for change in self._pending(plan):
                yield Step(str(change), partial(self._make, change), partial(self._settle, before))
        if plan != self._plan:
            yield Step(
                "note how uplinks are shaped", partial(self._note, plan), partial(self._note, self._plan)
            )

    def _note(self, plan: QosPlan) -> None:
        """Remember what stands, and tell of it."""
        before, self._plan = self._plan, plan
        for event in _changed(before, plan):
            self._host.control.publish(event)

    def _pending(self, plan: QosPlan) -> Iterator[QueueChange]:
        """Yield what must change; whoever asks for the next one has made the one before."""
        wanted, seen = self._setups(plan), self._traffic.look()
        for phase in PHASES:
            changes = list(phase(wanted, seen))
            yield from changes
            seen = self._traffic.look() if changes else seen

    def _settle(self, plan: QosPlan) -> None:
        """Bring the queues to a plan at once. Raises KernelError."""
        for change in self._pending(plan):
            self._make(change)

    def _make(self, change: QueueChange) -> None:
        """Do it. A card that was pulled out a moment ago keeps nothing else from being applied."""
        try:
            change.apply(self._traffic)
        except LinkGone as error:
            log.warning("%s: %s", change, error)

    def _setups(self, plan: QosPlan) -> tuple[Setup, ...]:
        return setups(plan, self._abilities()) if plan.shapings else ()

    def observe(self, plan: QosPlan) -> Iterator[Difference]:
        """Read the queues back: each change that would still be needed is a difference."""
        if not plan.shapings:
            return
        wanted, seen = self._setups(plan), self._traffic.look()
        left: list[QueueChange] = [change for phase in PHASES for change in phase(wanted, seen)]
        for change in left:
            yield Difference(str(change), "done", "not done")
        yield from _foreign(wanted, seen)

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on shapers."""
        changing: dict[str, Any] = {"role": Role.ADMIN, "changes": True}
        return (
            Verb("qos.Status", Nothing, ShaperList, self.status, route="GET /qos"),
            Verb("qos.Set", SetShaper, CommitReport, self.set, route="PUT /qos/{id}", **changing),
            Verb("qos.Remove", RemoveShaper, CommitReport, self.remove, route="DELETE /qos/{id}", **changing),
        )

    def status(self, _: Caller, __: Nothing) -> ShaperList:
        """List the shapers: whether each stands, and what its queues have sent, dropped and delayed."""
        model = self._host.control.config.get(Qos)
        if not model.shapers:
            return ShaperList(shapers=[])
        seen, abilities = self._traffic.look(), self._abilities()
        standing = {item.role: item for item in self._plan.shapings}
        return ShaperList(
            shapers=[describe(item, standing.get(item.id), seen, abilities) for item in model.shapers]
        )

    def set(self, caller: Caller, given: SetShaper) -> CommitReport:
        """Shape an uplink, or change how it is shaped."""
        if given.shaper.id != given.id:
            raise InvalidRequest(f"an id never changes: shaper.id must be {given.id}")
        data = as_data(given.shaper)
        if self._has(given.id):
            edit: Edit = Replace(SECTION.path, ("shapers", given.id), data)
            return commit(self._host.control, [edit], caller, given, f"change shaper of {given.id}")
        return commit(
            self._host.control, [Insert(SECTION.path, ("shapers",), data)], caller, given, f"shape {given.id}"
        )

    def remove(self, caller: Caller, given: RemoveShaper) -> CommitReport:
        """Shape an uplink no longer."""
        if not self._has(given.id):
            raise NotFound(f"no shaper is called {given.id}")
        edit = Remove(SECTION.path, ("shapers", given.id))
        return commit(self._host.control, [edit], caller, given, f"shape {given.id} no longer")

    def _has(self, role: str) -> bool:
        return any(item.id == role for item in self._host.control.config.get(Qos).shapers)


def _foreign(wanted: Sequence[Setup], seen: Mapping[str, DeviceSeen]) -> Iterator[Difference]:
    """Yield where somebody else's queue stands in the place of ours; no change is refused for that."""
    for setup in wanted:
        for device, tree in ((setup.device, setup.sending), (setup.turn, setup.receiving)):
            found = seen.get(device)
            if tree is not None and found is not None and is_foreign(found):
                what = f"the queue of {device}"
                yield Difference(what, tree.root.kind, "one that somebody else put in", refuses=False)


def _changed(before: QosPlan, now: QosPlan) -> Iterator[ShaperChanged]:
    """Yield which uplinks are shaped otherwise than before."""
    old, new = ({item.role: item for item in one.shapings} for one in (before, now))
    for role in dict.fromkeys((*old, *new)):
        item = new.get(role)
        if item != old.get(role):
            item = item or Shaping(role, None)
            download, upload = (lane.rate_bps if lane else None for lane in (item.download, item.upload))
            yield ShaperChanged(role, item.device, download, upload)


def create(host: Host) -> QosFeature:
    """Make the feature; called once by the daemon."""
    return QosFeature(host, Traffic())
