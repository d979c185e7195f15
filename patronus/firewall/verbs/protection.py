# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on the guards of ``firewall/protection``: how they stand, what they have dropped, set one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from patronus.core.control import Change, CommitReport, Control
from patronus.core.edit import Replace
from patronus.core.model import as_data
from patronus.core.verb import Caller, Nothing, Result, Verb
from patronus.firewall.counted import UNSEEN, Seen
from patronus.firewall.guards import BOGONS, ICMP_FLOOD, PORT_SCAN, SPOOFED, SYN_FLOOD, UDP_FLOOD
from patronus.firewall.model import Protection
from patronus.firewall.plan import FirewallPlan
from patronus.firewall.verbs.edit import Editing, changing, count

COUNTERS = {
    "anti_spoofing": SPOOFED, "bogons": BOGONS, "syn_flood": SYN_FLOOD, "udp_flood": UDP_FLOOD,
    "icmp_flood": ICMP_FLOOD, "port_scan": PORT_SCAN,
}  # fmt: skip
"""Guard → its counter, which is also the reason that explain gives."""
GuardName = Literal["anti_spoofing", "bogons", "syn_flood", "udp_flood", "icmp_flood", "port_scan"]


class GuardInfo(Result):
    """One guard: what it counts as, where it stands now, and what it has dropped.

    ``settings`` are as in the file, ``figures`` what it goes by, defaults filled in.
    """

    id: str
    counter: str
    enabled: bool
    zones: list[str]
    settings: dict[str, Any]
    figures: dict[str, Any]
    packets: int
    bytes: int
    early: int = Field(default=0, description="packets of them that XDP dropped before nftables")
    xdp: list[str] = Field(description="devices at which XDP holds the limit too")


class GuardList(Result):
    """All guards; ``invalid`` is what conntrack could make nothing of, which is always dropped."""

    guards: list[GuardInfo]
    invalid: int


class SetGuard(Change):
    """Settings of a guard, in the place of those that it has."""

    id: GuardName = Field(description="the guard, a key of firewall/protection")
    settings: dict[str, Any] = Field(description="as in firewall/protection; what is left out is the default")


class ProtectionVerbs(Editing):
    """Reads and edits ``firewall/protection``."""

    def __init__(
        self,
        control: Control,
        counters: Callable[[], Mapping[str, Seen]],
        plan: Callable[[], FirewallPlan],
        standing: Callable[[], frozenset[str]],
    ) -> None:
        super().__init__(control)
        self._counters = counters
        self._plan = plan
        self._standing = standing

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declarations."""
        yield Verb("firewall.ListGuards", Nothing, GuardList, self.list_guards, route="GET /firewall/guards")
        yield changing("SetGuard", SetGuard, CommitReport, self.set_guard, "PUT /firewall/guards/{id}")

    def list_guards(self, _: Caller, __: Nothing) -> GuardList:
        """List the guards that stand before the rules, with what they have dropped."""
        wanted = self._control.config.get(Protection)
        plan, seen, standing = self._plan(), self._counters(), self._standing()
        where = plan.policy.guards.where
        found = []
        for name, counter in COUNTERS.items():
            guard = getattr(wanted, name)
            found.append(
                GuardInfo(
                    id=name,
                    counter=counter,
                    enabled=guard.enabled,
                    zones=sorted(where[counter]),
                    settings=as_data(guard),
                    figures=guard.model_dump(mode="json", by_alias=True, exclude={"enabled", "zones"}),
                    xdp=_held_at(plan, counter, standing),
                    **asdict(seen.get(counter, UNSEEN)),
                )
            )
        return GuardList(guards=found, invalid=count(seen, "invalid")["packets"])

    def set_guard(self, caller: Caller, given: SetGuard) -> CommitReport:
        """Set a guard: whether it stands, in which zones, and its figures."""
        settings = {key: value for key, value in given.settings.items() if value is not None}
        edit = Replace("firewall/protection", (given.id,), settings)
        return self.submit([edit], caller, given, f"set {given.id.replace('_', ' ')}")


def _held_at(plan: FirewallPlan, counter: str, standing: frozenset[str]) -> list[str]:
    """Return the devices of zones at which XDP holds the limit of a guard, of those where it runs."""
    limits = plan.limits.limits
    return sorted(
        device
        for device, way in plan.ways.items()
        if way.device in standing and any(one.origin == counter for one in limits.get(way, ()))
    )
