# SPDX-License-Identifier: GPL-2.0-or-later
"""What the plane asks of XDP, which the kernel's adapter answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from patronus.core.early import EarlyDrop, EarlyLimits, EarlyTable
from patronus.firewall.addresses import IpNetwork
from patronus.firewall.counted import Counted


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


class LimitTable(Protocol):
    """The limits of XDP: ``kernel.bpf_limits.SourceLimits``."""

    def replace(self, wanted: EarlyLimits) -> None:
        """Make the limits exactly these. Raises KernelError."""

    def differs(self) -> str | None:
        """Return how what stands differs from them."""


class WayTable(Protocol):
    """The cards between which XDP sends on: ``kernel.bpf_forwarding.Forwarding``."""

    def keep(self, devices: Iterable[str]) -> None:
        """Take out all others. Raises KernelError."""

    def replace(self, devices: Iterable[str]) -> None:
        """Make the cards exactly these. Raises KernelError."""

    def refuses(self, device: str) -> str | None:
        """Return why packets cannot be sent on from a device as they come."""

    def differs(self) -> str | None:
        """Return how what stands differs from it."""


class Part(Protocol):
    """The part of the program that sends on: ``kernel.bpf_part.ForwardingPart``."""

    def bring(self) -> str | None:
        """Have it loaded; return why it is not there."""

    def leave_out(self) -> None:
        """Do without it from the next load on. Raises KernelError."""


class Xdp(Protocol):
    """What is asked of XDP: ``kernel.bpf.Bpf``."""

    @property
    def rules(self) -> RuleTable:
        """The rules that it drops for."""

    @property
    def limits(self) -> LimitTable:
        """What a source may send."""

    @property
    def forwarding(self) -> WayTable:
        """The cards between which it sends open connections on."""

    def await_loader(self) -> None:
        """Wait until the program is there or nobody loads it."""

    def blocklist_replace(self, prefixes: Iterable[IpNetwork], never: Iterable[IpNetwork]) -> object:
        """Make the blocklist exactly this."""

    def attach(self, ifname: str, mode: str | None = None) -> object:
        """Attach to a NIC, in one mode or any. Raises KernelError, which says why not."""

    def detach(self, ifname: str) -> object:
        """Take the program off a NIC."""

    def attachments(self) -> Iterable[Any]:
        """Return where the program runs, as ``kernel.bpf_attach.Attachment``."""

    def counters(self) -> Mapping[Any, Any]:
        """Return packets and bytes by reason."""

    def watch_drops(self, seconds: float, most: int, origins: Iterable[str]) -> list[EarlyDrop]:
        """Return sampled drops of the next seconds."""
