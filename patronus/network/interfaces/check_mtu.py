# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a link carries packets as large as the one that stands on it shall."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.core.problem import Path, Problem
from patronus.network.interfaces.model import Interface, standing_on
from patronus.network.interfaces.room import carried, wrapping

_IPV6_MTU = 1280
"""RFC 8200 section 5: a link must carry this much for IPv6 to work."""


def check_mtu(path: Path, item: Interface, roles: Mapping[str, Interface]) -> Iterator[Problem]:
    """Yield what is wrong with the MTU of an interface; ``path`` is where it stands."""
    mtu = item.mtu
    if mtu is None:
        return
    if item.ipv6.method != "none" and mtu < _IPV6_MTU:
        yield Problem(path, f"{mtu} is too small for IPv6", mtu, f"{_IPV6_MTU} or more")
    below = standing_on(item, roles)
    carrier = next((one for one in below if one.mtu), below[0] if below else None)
    if carrier is None:
        return
    room = carried(below) - wrapping(item)
    if mtu > room:
        needed = f"mtu: {mtu + wrapping(item)} for {carrier.id}"
        hint = f"{needed} (RFC 4638)" if item.pppoe else needed if item.vxlan or item.gre else None
        yield Problem(path, f"{mtu} is more than {carrier.id} carries", mtu, f"up to {room}", hint)
