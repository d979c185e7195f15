# SPDX-License-Identifier: GPL-2.0-or-later
"""Links and their addresses as the kernel tells them, read by hand (``dumps``).

Source: linux/if_link.h, linux/if_addr.h; numbers in attributes are in the machine's byte order but for the
type of a VLAN's frames.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from patronus.core.link import (
    Address,
    BondHash,
    BondMode,
    BondSettings,
    Counters,
    GreTunnel,
    IpAddress,
    Link,
    PortVlan,
    Tunnel,
    VlanProtocol,
)
from patronus.kernel import gre, tun, vxlan
from patronus.kernel.dumps import ADDRESSES, LINKS, dumped
from patronus.kernel.nfnetlink import Attributes, attributes

OURS = "patronus"
OWN = "patronus of "
"""How the alias of a card begins that shows an address that we gave it; its own follows. It outlives us."""
"""The alias that marks a link as made by us."""
PROVIDERS = 0x88A8
"""ETH_P_8021AD: the type of a frame with a provider's tag."""
MODES: tuple[BondMode, ...] = get_args(BondMode)
HASHES: tuple[BondHash, ...] = get_args(BondHash)
_ETHERNET, _PPP, _GRE, _GRE6, _NONE = 1, 512, 778, 823, 65534
"""ARPHRD_ of linux/if_arp.h."""
_UP, _TO_PEER = 0x1, 0x10
"""IFF_UP and IFF_POINTOPOINT of linux/if.h."""
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg
_NUMBER = struct.Struct("=I")
_STATISTICS = struct.Struct("=8Q")  # the head of struct rtnl_link_stats64
_MAC, _NAME, _MTU, _PARENT, _MASTER, _INFO, _ALIAS, _COUNTED, _CARRIER, _PERMANENT = (
    1, 3, 4, 5, 10, 18, 20, 23, 33, 54,
)  # fmt: skip
_KIND, _DATA = 1, 2
_READ = ("vlan", "bridge", "bond", "vxlan", "vrf", *gre.KINDS)
"""The kinds of which more is read."""
_VLAN_ID, _VLAN_PROTOCOL, _STP, _FILTERS = 1, 5, 5, 7
_BOND_MODE, _BOND_MONITOR, _BOND_HASH, _BOND_LACP_RATE = 1, 3, 14, 21
_VRF_TABLE = 1
_ANY, _LOCAL = 1, 2
"""IFA_ADDRESS and IFA_LOCAL: of a link to one other the first is the other's."""


@dataclass(frozen=True)
class LinkSeen:
    """One link of Ethernet, PPP or GRE as it was told; ``number`` is the kernel's."""

    type: int
    number: int
    flags: int
    told: Attributes

    @property
    def name(self) -> str:
        """Return its name."""
        return _text(self.told, _NAME)

    @cached_property
    def _info(self) -> Attributes:
        return _nested(self.told, _INFO)

    @property
    def kind(self) -> str:
        """Return the kernel's word for what it is, empty for a card."""
        return _text(self._info, _KIND)

    @property
    def is_card(self) -> bool:
        """Return whether it is a card of Ethernet that nobody made, or one end of a veth."""
        return self.type == _ETHERNET and self.kind in ("", "veth")

    @property
    def carrier(self) -> bool:
        """Return whether something is plugged in."""
        return bool(self.told.get(_CARRIER, b"\0")[0])

    @property
    def mac(self) -> str:
        """Return the hardware address, empty where it has none."""
        return "" if self.type in (_GRE, _GRE6, _NONE) else self.told.get(_MAC, b"").hex(":")

    @property
    def own(self) -> str:
        """Return the address that the card had before we gave it another; empty where we have not."""
        alias = _text(self.told, _ALIAS) or ""
        return alias.removeprefix(OWN) if alias.startswith(OWN) else ""

    @property
    def permanent_mac(self) -> str:
        """Return the address that the card was made with, where it is known; else the one that it had."""
        return self.told[_PERMANENT].hex(":") if _PERMANENT in self.told else self.own or self.mac

    @cached_property
    def _data(self) -> Attributes:
        return _nested(self._info, _DATA) if self.kind in _READ else {}

    @property
    def master(self) -> int | None:
        """Return the number of the bridge or bond that it is a member of."""
        return _number(self.told, _MASTER)

    @property
    def _parent(self) -> int | None:
        if self.kind == "vxlan":
            return _number(self._data, vxlan.PARENT)
        if self.kind in gre.KINDS:
            return _number(self._data, gre.PARENT)
        return _number(self.told, _PARENT) if self.kind == "vlan" else None

    @property
    def ours(self) -> bool:
        """Return whether we made it."""
        return _text(self.told, _ALIAS) == OURS

    @property
    def filters(self) -> bool:
        """Return whether it is a bridge that keeps VLANs apart."""
        return self.kind == "bridge" and bool(self._data.get(_FILTERS, b"\0")[0])

    def link(
        self,
        names: Mapping[int, str],
        vlans: tuple[PortVlan, ...] | None = None,
        ends: Collection[IpAddress] = (),
    ) -> Link:
        """Return the link.

        ``names``: number → name of all, ``vlans``: what it carries of a bridge, ``ends``: all of a VXLAN.
        """
        kind, data = self.kind, self._data
        vlan = kind == "vlan"
        return Link(
            name=self.name,
            index=self.number,
            kind="gre" if kind in gre.KINDS else "nat64" if kind == tun.KIND and self.ours else kind,
            mac=self.mac,
            own=self.own,
            mtu=_number(self.told, _MTU) or 0,
            up=bool(self.flags & _UP),
            carrier=self.carrier,
            master=names.get(self.master or 0),
            parent=names.get(self._parent or 0),
            tag=int.from_bytes(data[_VLAN_ID], "little") if vlan else None,
            protocol=_protocol(data) if vlan else "802.1q",
            stp=bool(_number(data, _STP)) if kind == "bridge" else False,
            filters=self.filters,
            vlans=vlans,
            bond=_bond(data) if kind == "bond" else None,
            tunnel=_tunnel(kind, data, ends),
            table=_number(data, _VRF_TABLE) if kind == "vrf" else None,
            ours=self.ours,
            to_peer=bool(self.flags & _TO_PEER),
            counters=_counters(self.told.get(_COUNTED)),
        )


def read_links(link: socket.socket) -> list[LinkSeen]:
    """Return the links of Ethernet, PPP and GRE, and translators of ours, by number. Raises OSError."""
    found = []
    for body in dumped(link, LINKS):
        _, kind, number, flags, _ = _LINK.unpack_from(body)
        if kind in (_ETHERNET, _PPP, _GRE, _GRE6, _NONE):
            seen = LinkSeen(kind, number, flags, attributes(body, _LINK.size, len(body)))
            if kind != _NONE or (seen.kind == tun.KIND and seen.ours):
                found.append(seen)
    return found


def read_addresses(link: socket.socket, names: Mapping[int, str]) -> tuple[Address, ...]:
    """Return the addresses of the links that have a name here. Raises OSError."""
    found = []
    for body in dumped(link, ADDRESSES):
        _, length, _, _, number = _ADDRESS.unpack_from(body)
        if number in names:
            told = attributes(body, _ADDRESS.size, len(body))
            packed = told.get(_LOCAL) or told[_ANY]
            found.append(Address(names[number], _interface(packed, length)))
    return tuple(found)


def _interface(packed: bytes, length: int) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    if len(packed) == 4:
        return ipaddress.IPv4Interface((packed, length))
    return ipaddress.IPv6Interface((packed, length))


def _nested(told: Attributes, kind: int) -> Attributes:
    data = told.get(kind, b"")
    return attributes(data, 0, len(data))


def _text(told: Attributes, kind: int) -> str:
    return told.get(kind, b"").rstrip(b"\0").decode()


def _number(told: Attributes, kind: int) -> int | None:
    return int(_NUMBER.unpack(told[kind])[0]) if kind in told else None


def _protocol(data: Attributes) -> VlanProtocol:
    return "802.1ad" if int.from_bytes(data.get(_VLAN_PROTOCOL, b""), "big") == PROVIDERS else "802.1q"


def _tunnel(kind: str, data: Attributes, ends: Collection[IpAddress]) -> Tunnel | GreTunnel | None:
    if kind == "vxlan":
        return vxlan.tunnel_of(data, ends)
    return gre.tunnel_of(kind, data) if kind in gre.KINDS else None


def _bond(data: Attributes) -> BondSettings | None:
    """Return a bond's settings; None for one that has others than ours can say."""
    mode, policy = data.get(_BOND_MODE, b"\xff")[0], data.get(_BOND_HASH, b"\0")[0]
    if mode >= len(MODES) or policy >= len(HASHES):
        return None
    fast = bool(data.get(_BOND_LACP_RATE, b"\0")[0]) and MODES[mode] == "802.3ad"
    return BondSettings(MODES[mode], _number(data, _BOND_MONITOR) or 0, HASHES[policy], lacp_fast=fast)


def _counters(packed: bytes | None) -> Counters:
    if packed is None:
        return Counters()
    rx, tx, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped = _STATISTICS.unpack_from(packed)
    return Counters(rx_bytes, tx_bytes, rx, tx, rx_dropped, tx_dropped, rx_errors, tx_errors)
