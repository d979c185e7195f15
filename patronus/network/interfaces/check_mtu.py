# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a link carries packets as large as the one that stands on it shall."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from patronus.core.problem import Path, Problem
from patronus.network.interfaces.check_vxlan import OVERHEAD as VXLAN
from patronus.network.interfaces.model import Interface, standing_on
from patronus.network.pppoe.model import OVERHEAD as PPPOE

_IPV6_MTU = 1280
"""RFC 8200 section 5: a link must carry this much for IPv6 to work."""
_ETHERNET_MTU = 1500
"""What a link carries of which nothing else is said."""


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
    room = _carried(below) - _wrapping(item)
    if mtu > room:
        needed = f"mtu: {mtu + _wrapping(item)} for {carrier.id}"
        hint = f"{needed} (RFC 4638)" if item.pppoe else needed if item.vxlan else None
        yield Problem(path, f"{mtu} is more than {carrier.id} carries", mtu, f"up to {room}", hint)


def _carried(below: Sequence[Interface]) -> int:
    """Return what the first carries, which stands on the others."""
    room = _ETHERNET_MTU
    for one in reversed(below):
        room = one.mtu or room - _wrapping(one)
    return room


def _wrapping(item: Interface) -> int:
    """Return the bytes that a link adds to each packet, beside a VLAN's tag, for which cards have room."""
    if item.vxlan is not None:
        return VXLAN[item.vxlan.remote.version]
    return PPPOE if item.pppoe is not None else 0
