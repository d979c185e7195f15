# SPDX-License-Identifier: GPL-2.0-or-later
"""What XDP drops before nftables or sends on, brought to a plan, counted, and read back.

XDP only accelerates: where it cannot run nftables decides the same, so nothing here fails a change.
What does not work is kept in words, each part by itself: a NIC that another program holds does not stop the
others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from patronus.core.early import EarlyDrop, EarlyTable, XdpMode
from patronus.core.errors import KernelError
from patronus.core.feature import Difference
from patronus.firewall.counted import UNSEEN, Counted, Seen
from patronus.firewall.early.limits import ASKS_CONNTRACK, without_conntrack
from patronus.firewall.early.table import compile_xdp
from patronus.firewall.early.ways import Ways
from patronus.firewall.early.xdp import Part, Xdp
from patronus.firewall.guards import REASONS
from patronus.firewall.plan import FirewallPlan

log = logging.getLogger(__name__)

MOST_DROPS = 500
"""Drops that are shown at once."""
CANNOT_ASK = (
    "rules drop nothing early, and connections are not limited there: XDP cannot ask conntrack "
    "(bpf_xdp_ct_lookup is missing)"
)
AS_SET = "the configuration says so"
TWICE = "not in the driver, and after the shaper's queue generic XDP would read packets wrongly"
"""It sees each of them a second time then, from the IP header on in the place of Ethernet's (Linux 6.18)."""


@dataclass(frozen=True)
class Place:
    """A device on which XDP has something to do: the mode asked for, the one it has, and why that one.

    ``forwards``: whether it sends open connections on there: on, why not, or nothing where nobody asks.
    """

    device: str
    asked: str
    mode: str
    reason: str
    forwards: str = ""


class EarlyPlane:
    """XDP as the firewall uses it."""

    def __init__(self, xdp: Xdp, part: Part) -> None:
        self._xdp = xdp
        self._ways = Ways(xdp, part)
        self._wanted: frozenset[str] = frozenset()
        self._native: frozenset[str] = frozenset()
        self._asked: dict[str, XdpMode] = {}
        self._how: dict[str, XdpMode] = {}
        self._set_off: frozenset[str] = frozenset()
        self._off: dict[str, str] = {}
        self._faults: list[str] = []

    @property
    def fault(self) -> str | None:
        """Return why XDP does not help, or not everywhere; None where it does."""
        return "; ".join(dict.fromkeys([*self._faults, *self._off.values()])) or None

    def bring(self, plan: FirewallPlan) -> None:
        """Give XDP the blocklist, the rules and the NICs of a plan."""
        self._xdp.await_loader()
        self._faults, self._off, self._wanted, self._set_off = [], {}, frozenset(), frozenset()
        sending = self._ask_to_forward(plan)
        try:
            able = self._asks_conntrack(plan)
            drops = [
                self._bring_rules(plan, able=able),
                self._bring_limits(plan, able=able),
                self._bring_blocklist(plan),
            ]
            dropping = frozenset(plan.watched if any(drops) else ())
            wanted = dropping | sending
            self._native = wanted - dropping
            self._set_off = frozenset(device for device in wanted if plan.modes.get(device) == "off")
            self._wanted = wanted - self._set_off
        except KernelError as error:
            self._faults.append(str(error))
        try:
            there = {item.ifname for item in self._xdp.attachments()}
        except KernelError as error:
            self._faults = [str(error)]  # without the program the rest was bound to fail
        else:
            self._stand_on(there, plan.modes)
            self._leave(plan.queued)
            self._try(lambda: self._ways.bring(self._xdp.attachments(), self._off))
        if self.fault:
            log.warning("XDP does not help, or not everywhere; nftables drops alone: %s", self.fault)

    def _ask_to_forward(self, plan: FirewallPlan) -> frozenset[str]:
        """Return the cards on which XDP shall stand to send open connections on."""
        try:
            return self._ways.asked(plan)
        except KernelError as error:
            self._faults.append(str(error))
            return frozenset()

    def _bring_blocklist(self, plan: FirewallPlan) -> bool:
        """Bring the blocklist in; returns whether it blocks. Raises KernelError where nobody knows."""
        try:
            self._xdp.blocklist_replace(plan.blocked, plan.never)
        except KernelError as error:
            self._faults.append(f"nothing is blocked early: {error}")
            self._xdp.blocklist_replace((), ())
            return False
        return bool(plan.blocked)

    def _bring_limits(self, plan: FirewallPlan, *, able: bool) -> bool:
        """Bring the limits in; returns whether anything is limited."""
        limits = plan.limits if able else without_conntrack(plan.limits)
        try:
            self._xdp.limits.replace(limits)
        except KernelError as error:
            self._faults.append(f"nothing is limited early: {error}")
            return False
        return bool(limits.limits)

    def _bring_rules(self, plan: FirewallPlan, *, able: bool) -> bool:
        """Bring the table in; returns whether any rule drops."""
        table = compile_xdp(plan.early, plan.tagged) if able else EarlyTable()
        try:
            self._xdp.rules.replace(table, (*plan.policy.counted, *REASONS))
        except KernelError as error:
            self._faults.append(f"rules drop nothing early: {error}")
            return False
        return bool(table)

    def _asks_conntrack(self, plan: FirewallPlan) -> bool:
        """Return whether rules and limits of connections can drop anything; it is said where they cannot."""
        kinds = {one.kind for here in plan.limits.limits.values() for one in here}
        if not plan.early and not kinds & ASKS_CONNTRACK:
            return True
        try:
            able = self._xdp.rules.asks_conntrack()
        except KernelError as error:
            self._faults.append(f"rules drop nothing early: {error}")
            return False
        if not able:
            self._faults.append(CANNOT_ASK)
        return able

    def _stand_on(self, there: set[str], modes: Mapping[str, XdpMode]) -> None:
        """Run on the NICs that are wanted, each in its mode; where it did already nothing is touched."""
        self._try(partial(self._ways.leave, self._wanted))
        for device in sorted(there - self._wanted):
            self._try(partial(self._xdp.detach, device))
        self._asked = {device: modes.get(device, "auto") for device in self._wanted}
        before, self._how = self._how, {**self._asked, **dict.fromkeys(self._native, "native")}
        for device, how in sorted(self._how.items()):
            if device in there and before.get(device) == how:
                continue
            try:
                self._xdp.attach(device, None if how == "auto" else how)
            except KernelError as error:
                self._off[device] = str(error)

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except KernelError as error:
            self._faults.append(str(error))

    def _leave(self, queued: frozenset[str]) -> None:
        """Take XDP off NICs where it runs in the stack and arriving packets are queued: see ``TWICE``."""
        for one in self._xdp.attachments():
            if one.ifname in queued and one.mode.name == "GENERIC":
                self._xdp.detach(one.ifname)
                self._off[one.ifname] = TWICE

    def differences(self) -> Iterator[Difference]:
        """Yield how XDP differs from what was brought; nothing of what was told to be a fault then."""
        if self._faults:
            return
        try:
            there = {item.ifname for item in self._xdp.attachments()}
            rules, limits = self._xdp.rules.differs(), self._xdp.limits.differs()
            ways = self._xdp.forwarding.differs()
        except KernelError as error:
            yield Difference("XDP", "loaded", str(error), refuses=False)
            return
        for device in sorted(self._wanted - there - self._off.keys()):
            yield Difference(f"XDP on {device}", "our program", "none of ours", refuses=False)
        if rules is not None:
            yield Difference("rules in XDP", "the plan's", rules, refuses=False)
        if limits is not None:
            yield Difference("limits in XDP", "the plan's", limits, refuses=False)
        if ways is not None:
            yield Difference("forwarding by XDP", "the plan's cards", ways, refuses=False)

    # -- what it shows

    def seen(self, behind: Mapping[str, Counted], origins: Iterable[str]) -> dict[str, Seen]:
        """Return the counters of nftables with what XDP dropped for rules added."""
        found = {name: Seen(one.packets, one.bytes) for name, one in behind.items()}
        try:
            early = self._xdp.rules.counters(origins)
        except KernelError:
            return found
        for name, one in early.items():
            old = found.get(name, UNSEEN)
            found[name] = Seen(old.packets + one.packets, old.bytes + one.bytes, one.packets)
        return found

    def reasons(self) -> dict[str, Counted]:
        """Return what XDP counted by reason. Raises KernelError."""
        return {reason.name.lower(): one for reason, one in self._xdp.counters().items()}

    def devices(self) -> list[Place]:
        """Return where XDP runs, and where it could and does not. Raises KernelError."""
        running = [self._place(one) for one in self._xdp.attachments()]
        told = self._ways.told
        refused = [
            Place(device, self._asked[device], "off", why, told(device)) for device, why in self._off.items()
        ]
        return running + refused + [Place(device, "off", "off", AS_SET) for device in sorted(self._set_off)]

    def _place(self, one: Any) -> Place:
        asked, mode = self._asked.get(one.ifname, "auto"), one.mode.name.lower()
        reason = one.reason or (AS_SET if asked == mode else "")
        return Place(one.ifname, asked, mode, reason, self._ways.told(one.ifname))

    def forwarding(self) -> str:
        """Return between which cards XDP sends open connections on, or why between none."""
        return self._ways.spoken()

    def standing(self) -> frozenset[str]:
        """Return the NICs on which XDP runs with all that was brought."""
        if self._faults:
            return frozenset()
        try:
            return frozenset(one.ifname for one in self._xdp.attachments())
        except KernelError:
            return frozenset()

    def drops(self, seconds: float, origins: Iterable[str]) -> list[EarlyDrop]:
        """Wait, and return a sample of what was dropped meanwhile. Raises KernelError."""
        return self._xdp.watch_drops(seconds, MOST_DROPS, origins)
