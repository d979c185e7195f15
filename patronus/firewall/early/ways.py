# SPDX-License-Identifier: GPL-2.0-or-later
"""The cards between which XDP sends open connections on, brought to a plan, and why others are none.

The kernel forwards whatever XDP does not, so nothing here fails a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from patronus.core.errors import KernelError
from patronus.firewall.early.xdp import Part, Xdp
from patronus.firewall.plan import FirewallPlan

SENDS = "on"
BEHIND = "XDP stands behind the driver"


class Ways:
    """What XDP sends on, and between which cards."""

    def __init__(self, xdp: Xdp, part: Part) -> None:
        self._xdp = xdp
        self._part = part
        self._told: dict[str, str] = {}
        self._fault = ""

    def asked(self, plan: FirewallPlan) -> frozenset[str]:
        """Return the cards on which XDP shall stand for this; raises KernelError where it cannot help at all.

        A card that is none any more is taken out first: XDP may not send to one that it has left.
        """
        self._told, self._fault = {}, ""
        wanted = frozenset(plan.forwarding)
        if not wanted:
            self._xdp.forwarding.replace(())
            self._part.leave_out()
            return wanted
        self._xdp.forwarding.keep(wanted)
        if why := self._part.bring():
            self._fault = f"XDP sends nothing on: {why}"
            raise KernelError(self._fault)
        self._told = dict.fromkeys(wanted, "XDP is off")
        return wanted

    def leave(self, staying: Iterable[str]) -> None:
        """Send to no other card from now on: XDP is about to leave those. Raises KernelError."""
        self._xdp.forwarding.keep(staying)

    def bring(self, standing: Iterable[Any], off: Mapping[str, str]) -> None:
        """Let XDP send on between those cards on which it stands as it must. Raises KernelError."""
        for device in self._told.keys() & off.keys():
            self._told[device] = off[device]
        for one in standing:
            if one.ifname in self._told:
                self._told[one.ifname] = self._refused(one) or SENDS
        self._xdp.forwarding.replace(device for device, told in self._told.items() if told == SENDS)

    def _refused(self, one: Any) -> str | None:
        return BEHIND if one.mode.name != "NATIVE" else self._xdp.forwarding.refuses(one.ifname)

    def told(self, device: str) -> str:
        """Return whether XDP sends on at this card: on, why not, or nothing where nobody asked."""
        return self._told.get(device, "")

    def spoken(self) -> str:
        """Return between which cards XDP sends on, or why between none."""
        there = sorted(device for device, told in self._told.items() if told == SENDS)
        left = [f"{device}: {told}" for device, told in sorted(self._told.items()) if told != SENDS]
        if there:
            return "; ".join((f"XDP sends open connections on between {', '.join(there)}", *left))
        return "; ".join(left) or self._fault or "the kernel forwards all packets"
