# SPDX-License-Identifier: GPL-2.0-or-later
"""What XDP drops before nftables, brought to a plan, counted, and read back.

XDP only accelerates: where it cannot run nftables drops the same packets, so nothing here fails a change.
What does not work is kept in words, each part by itself: a NIC that another program holds does not stop the
others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from patronus.core.early import EarlyDrop, EarlyTable
from patronus.core.errors import KernelError
from patronus.core.feature import Difference
from patronus.firewall.addresses import IpNetwork
from patronus.firewall.counted import UNSEEN, Counted, Seen
from patronus.firewall.early.table import compile_xdp
from patronus.firewall.plan import FirewallPlan

log = logging.getLogger(__name__)

MOST_DROPS = 500
"""Drops that are shown at once."""
CANNOT_ASK = "rules drop nothing early: XDP cannot ask conntrack (bpf_xdp_ct_lookup is missing)"

TWICE = "the driver has no native XDP, and after the shaper's queue generic XDP would read packets wrongly"
"""It sees each of them a second time then, from the IP header on in the place of Ethernet's (Linux 6.18)."""


class RuleTable(Protocol):
    """The rules of XDP: ``kernel.bpf_rules.EarlyRules``."""

    def asks_conntrack(self) -> bool:
        """Return whether rules can drop anything."""

    def replace(self, table: EarlyTable, counted: Iterable[str] = ()) -> None:
        """Put a table in the place of the one that stands. Raises KernelError."""

    def differs(self) -> str | None:
        """Return how what stands differs from it."""

    def counters(self, origins: Iterable[str]) -> Mapping[str, Counted]:
        """Return what rules have dropped."""


class Xdp(Protocol):
    """What is asked of XDP: ``kernel.bpf.Bpf``."""

    @property
    def rules(self) -> RuleTable:
        """The rules that it drops for."""

    def await_loader(self) -> None:
        """Wait until the program is there or nobody loads it."""

    def blocklist_replace(self, prefixes: Iterable[IpNetwork], never: Iterable[IpNetwork]) -> object:
        """Make the blocklist exactly this."""

    def attach(self, ifname: str) -> object:
        """Attach to a NIC. Raises KernelError, which says why not."""

    def detach(self, ifname: str) -> object:
        """Take the program off a NIC."""

    def attachments(self) -> Iterable[Any]:
        """Return where the program runs, as ``kernel.bpf_attach.Attachment``."""

    def counters(self) -> Mapping[Any, Any]:
        """Return packets and bytes by reason."""

    def watch_drops(self, seconds: float, most: int, origins: Iterable[str]) -> list[EarlyDrop]:
        """Return sampled drops of the next seconds."""


@dataclass(frozen=True)
class Place:
    """A device on which XDP drops early, and in which mode; ``reason`` says why it is generic or off."""

    device: str
    mode: str
    reason: str


class EarlyPlane:
    """XDP as the firewall uses it."""

    def __init__(self, xdp: Xdp) -> None:
        self._xdp = xdp
        self._wanted: frozenset[str] = frozenset()
        self._off: dict[str, str] = {}
        self._faults: list[str] = []

    @property
    def fault(self) -> str | None:
        """Return why XDP does not help, or not everywhere; None where it does."""
        return "; ".join(dict.fromkeys([*self._faults, *self._off.values()])) or None

    def bring(self, plan: FirewallPlan) -> None:
        """Give XDP the blocklist, the rules and the NICs of a plan."""
        self._xdp.await_loader()
        self._faults, self._off, self._wanted = [], {}, frozenset()
        try:
            rules, blocks = self._bring_rules(plan), self._bring_blocklist(plan)
            self._wanted = frozenset(plan.watched if blocks or rules else ())
        except KernelError as error:
            self._faults.append(str(error))
        try:
            there = {item.ifname for item in self._xdp.attachments()}
        except KernelError as error:
            self._faults = [str(error)]  # without the program the rest was bound to fail
        else:
            self._stand_on(there)
            self._leave(plan.queued)
        if self.fault:
            log.warning("XDP does not help, or not everywhere; nftables drops alone: %s", self.fault)

    def _bring_blocklist(self, plan: FirewallPlan) -> bool:
        """Bring the blocklist in; returns whether it blocks. Raises KernelError where nobody knows."""
        try:
            self._xdp.blocklist_replace(plan.blocked, plan.never)
        except KernelError as error:
            self._faults.append(f"nothing is blocked early: {error}")
            self._xdp.blocklist_replace((), ())
            return False
        return bool(plan.blocked)

    def _bring_rules(self, plan: FirewallPlan) -> bool:
        """Bring the table in; returns whether any rule drops."""
        able = not plan.early or self._asks_conntrack()
        table = compile_xdp(plan.early, plan.tagged) if able else EarlyTable()
        try:
            self._xdp.rules.replace(table, plan.policy.counted)
        except KernelError as error:
            self._faults.append(f"rules drop nothing early: {error}")
            return False
        return bool(table)

    def _asks_conntrack(self) -> bool:
        try:
            able = self._xdp.rules.asks_conntrack()
        except KernelError as error:
            self._faults.append(f"rules drop nothing early: {error}")
            return False
        if not able:
            self._faults.append(CANNOT_ASK)
        return able

    def _stand_on(self, there: set[str]) -> None:
        for device in sorted(there - self._wanted):
            try:
                self._xdp.detach(device)
            except KernelError as error:
                self._faults.append(str(error))
        for device in sorted(self._wanted - there):
            try:
                self._xdp.attach(device)
            except KernelError as error:
                self._off[device] = str(error)

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
            rules = self._xdp.rules.differs()
        except KernelError as error:
            yield Difference("XDP", "loaded", str(error), refuses=False)
            return
        for device in sorted(self._wanted - there - self._off.keys()):
            yield Difference(f"XDP on {device}", "our program", "none of ours", refuses=False)
        if rules is not None:
            yield Difference("rules in XDP", "the plan's", rules, refuses=False)

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
        """Return where XDP runs, and where it should and does not. Raises KernelError."""
        running = [Place(one.ifname, one.mode.name.lower(), one.reason) for one in self._xdp.attachments()]
        return running + [Place(device, "off", why) for device, why in self._off.items()]

    def drops(self, seconds: float, origins: Iterable[str]) -> list[EarlyDrop]:
        """Wait, and return a sample of what was dropped meanwhile. Raises KernelError."""
        return self._xdp.watch_drops(seconds, MOST_DROPS, origins)
