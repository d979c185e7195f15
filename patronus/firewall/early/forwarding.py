# SPDX-License-Identifier: GPL-2.0-or-later
"""The cards between which XDP sends packets of open connections on. Pure.

XDP asks the flow table, so only devices that take part in it come into question; and it sees frames, so only
plain cards do: what goes through a VLAN, a bridge, a bond, a session or a tunnel is the kernel's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.core.early import XdpMode
from patronus.core.problem import Problem
from patronus.firewall.check.known import warning
from patronus.network.interfaces.plan import InterfacesPlan

PATH = ("firewall/conntrack", "xdp_forwarding")
BY_THE_DRIVER: tuple[XdpMode, ...] = ("auto", "native")
"""Modes of a card in which XDP may stand in the driver."""


def forwarding_cards(
    offload: tuple[str, ...], modes: Mapping[str, XdpMode], links: InterfacesPlan
) -> tuple[str, ...]:
    """Return the cards, sorted; ``offload`` are the devices of the flow table."""
    plain = {link.name for link in links.links if link.kind == "nic" and link.master is None}
    return tuple(one for one in offload if one in plain and modes.get(one, "auto") in BY_THE_DRIVER)


def forwarding_warnings(
    offload: tuple[str, ...], cards: tuple[str, ...], refused: str | None
) -> Iterator[Problem]:
    """Yield what a person may expect and does not get; ``refused`` is why nothing is offloaded."""
    if refused is not None:
        return
    if not offload:
        message = "XDP sends nothing on: no packet goes past the rules"
        yield warning(PATH, message, hint="offload: true lets those of open connections")
    elif not cards:
        message = "XDP sends nothing on: no device of the flow table is a plain card with XDP in its driver"
        yield warning(PATH, message)
    elif left := sorted(set(offload) - set(cards)):
        message = f"the kernel forwards what comes and goes by {', '.join(left)}"
        yield warning(PATH, message, hint="XDP knows plain cards alone, with XDP in the driver")
