# SPDX-License-Identifier: GPL-2.0-or-later
"""How large a packet may be inside of what wraps it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from patronus.network.interfaces.model import Interface, standing_on
from patronus.network.interfaces.tunnel_model import Gre
from patronus.network.pppoe.model import OVERHEAD as PPPOE

ETHERNET_MTU = 1500
"""What a link carries of which nothing else is said."""
_VXLAN: Mapping[int, int] = {4: 50, 6: 70}
"""IP version of the ends → bytes that its headers take of a packet (RFC 7348 section 5)."""
_GRE: Mapping[int, int] = {4: 24, 6: 44}
"""The same of GRE, without a key (RFC 2784)."""
_KEY, _FRAME = 4, 14


def room_in(item: Interface, roles: Mapping[str, Interface]) -> int:
    """Return how large a packet an interface carries, as far as the files say it."""
    return carried((item, *standing_on(item, roles)))


def carried(below: Sequence[Interface]) -> int:
    """Return what the first carries, which stands on the others."""
    room = ETHERNET_MTU
    for one in reversed(below):
        room = one.mtu or room - wrapping(one)
    return room


def wrapping(item: Interface) -> int:
    """Return the bytes that a link adds to each packet, beside a VLAN's tag, for which cards have room."""
    if item.vxlan is not None:
        return _VXLAN[item.vxlan.remote.version]
    if item.gre is not None:
        return _of_gre(item.gre)
    return PPPOE if item.pppoe is not None else 0


def _of_gre(gre: Gre) -> int:
    key = 0 if gre.key is None else _KEY
    return _GRE[gre.remote.version] + key + (_FRAME if gre.frames else 0)
