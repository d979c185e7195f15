# SPDX-License-Identifier: GPL-2.0-or-later
"""NICs, links, addresses and routes as values: the words that plans and the kernel's adapter share.

``device`` and ``name`` are the kernel's names, never roles. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Literal

IpAddress = IPv4Address | IPv6Address
IpInterface = IPv4Interface | IPv6Interface
IpNetwork = IPv4Network | IPv6Network

RouteKind = Literal["unicast", "blackhole", "unreachable", "prohibit"]
"""What becomes of a packet: forwarded, dropped in silence, or refused with an ICMP error."""

LinkKind = Literal["nic", "vlan", "bridge", "bond", "dummy", "vxlan", "gre", "vrf", "nat64", "pppoe"]
"""The links that Patronus configures; a NIC is found, pppd makes that of PPPoE, the others are made by us."""

VlanProtocol = Literal["802.1q", "802.1ad"]
"""How a VLAN marks its frames: as networks do, or, outside of that, as providers do (QinQ)."""

BondMode = Literal[
    "balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"
]
"""How a bond spreads frames over its members, ip-link(8); the position is the kernel's number."""
BondHash = Literal["layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"]
"""What decides by which member a frame leaves; the position is the kernel's number."""


@dataclass(frozen=True)
class BondSettings:
    """How a bond works. ``monitor_ms``: how often it looks whether members have a carrier."""

    mode: BondMode = "active-backup"
    monitor_ms: int = 100
    hash: BondHash = "layer2"
    lacp_fast: bool = False


@dataclass(frozen=True, order=True)
class PortVlan:
    """A VLAN that a port of a bridge carries.

    ``arriving``: frames that come in without a tag belong to it (the kernel's PVID). ``leaving``: its frames
    go out without their tag.
    """

    tag: int
    arriving: bool = False
    leaving: bool = False

    def __str__(self) -> str:
        if self.arriving and self.leaving:
            return f"{self.tag} untagged"
        untagged = " untagged in" if self.arriving else " untagged out"
        return f"{self.tag}{untagged if self.arriving or self.leaving else ''}"


@dataclass(frozen=True)
class Seat:
    """Where a bridge last heard a host: at which of its ports, and in which VLAN, None where it has none."""

    port: str
    bridge: str
    tag: int | None = None


@dataclass(frozen=True)
class Tunnel:
    """How a VXLAN leads to its other end (RFC 7348); ``local`` None: the kernel takes that of the route.

    ``others`` are further ends, in order: what is for everybody, or for nobody known, goes to them too.
    """

    vni: int
    remote: IpAddress
    local: IpAddress | None = None
    port: int = 4789
    others: tuple[IpAddress, ...] = ()

    @property
    def remotes(self) -> tuple[IpAddress, ...]:
        """Return all other ends."""
        return (self.remote, *self.others)


@dataclass(frozen=True)
class GreTunnel:
    """How a tunnel of GRE leads to its other end (RFC 2784); ``local`` None: that of the route.

    ``key`` tells several between the same ends apart (RFC 2890). ``frames``: Ethernet is in it, not packets.
    """

    remote: IpAddress
    local: IpAddress | None = None
    key: int | None = None
    ttl: int = 64
    frames: bool = False

    @property
    def kind(self) -> str:
        """Return the kernel's word for it: it has one for each family of the ends and for what is inside."""
        return f"{'ip6' if self.remote.version == 6 else ''}gre{'tap' if self.frames else ''}"


@dataclass(frozen=True)
class Nic:
    """A network card as it was found.

    ``mac`` is the permanent address, not one set later; ``path`` is the place on the bus in udev's form of
    ID_PATH, ``pci-0000:00:02.0``, and None for what sits on no bus (a veth).
    """

    name: str
    mac: str
    path: str | None = None
    driver: str | None = None
    carrier: bool = False


@dataclass(frozen=True)
class Counters:
    """What a link has carried since it appeared: packets, bytes, and what was lost, per direction."""

    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_packets: int = 0
    tx_packets: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0
    rx_errors: int = 0
    tx_errors: int = 0


@dataclass(frozen=True)
class Link:
    """A link as the kernel has it; ``kind`` is the kernel's word, empty for a NIC.

    ``ours`` says that Patronus made it. ``tag`` and ``protocol`` belong to a VLAN, ``tunnel`` to a VXLAN or
    GRE, ``parent`` to all of them, ``stp`` and ``filters`` to a bridge; ``vlans`` to one that filters and to
    its ports, None elsewhere.
    ``bond`` is None for what is no bond, ``table`` for what is no VRF. ``to_peer``: it leads to one
    other alone. ``own``: the MAC of a card that we have given another, else empty.
    """

    name: str
    index: int
    kind: str = ""
    mac: str = ""
    mtu: int = 1500
    up: bool = False
    carrier: bool = False
    master: str | None = None
    parent: str | None = None
    tag: int | None = None
    protocol: VlanProtocol = "802.1q"
    stp: bool = False
    filters: bool = False
    vlans: tuple[PortVlan, ...] | None = None
    bond: BondSettings | None = None
    tunnel: Tunnel | GreTunnel | None = None
    table: int | None = None
    ours: bool = False
    to_peer: bool = False
    own: str = ""
    counters: Counters = field(default_factory=Counters)


@dataclass(frozen=True)
class Hop:
    """The next step to an address. ``device`` None is the router itself, ``gateway`` None the host itself.

    ``source`` is the address that the router has there, None where the kernel names none; ``table`` the one
    whose route it is, None where nobody was asked.
    """

    device: str | None
    gateway: IpAddress | None = None
    source: IpAddress | None = None
    table: int | None = None


@dataclass(frozen=True)
class RouteQuery:
    """What a way is asked for: a packet as the routing rules see it.

    ``arrives_on`` None: the router itself sends it. What else is left out is not known, and then rules that
    ask for it do not fit: ``protocol`` 0, and ports 0, which IP does not have. ``within``: the VRF in which
    the router asks, where nothing arrives.
    """

    destination: IpAddress
    source: IpAddress | None = None
    arrives_on: str | None = None
    mark: int = 0
    protocol: int = 0
    source_port: int = 0
    destination_port: int = 0
    within: str | None = None


@dataclass(frozen=True)
class LinkWanted:
    """A link as it shall be. ``mtu`` None leaves it as it is; ``mac`` None is a card's own.

    ``filters``: a bridge that keeps VLANs apart. ``vlans``: what it, or a port of it, carries; in order.
    ``table``: that of a VRF.
    """

    role: str
    name: str
    kind: LinkKind = "nic"
    mac: str | None = None
    mtu: int | None = None
    master: str | None = None
    parent: str | None = None
    tag: int | None = None
    protocol: VlanProtocol = "802.1q"
    stp: bool = False
    filters: bool = False
    vlans: tuple[PortVlan, ...] | None = None
    bond: BondSettings | None = None
    tunnel: Tunnel | GreTunnel | None = None
    table: int | None = None


@dataclass(frozen=True, order=True)
class Address:
    """An address on a device, with the length of its prefix."""

    device: str
    interface: IpInterface


@dataclass(frozen=True)
class Route:
    """A route in the main table. ``gateway`` None: the destination is on the link.

    One whose ``kind`` is not unicast refuses what it is for, and has no device: ``device`` is empty.
    """

    destination: IpNetwork
    device: str
    gateway: IpAddress | None = None
    metric: int = 0
    kind: RouteKind = "unicast"

    def __str__(self) -> str:
        if self.kind != "unicast":
            return f"{self.kind} {self.destination}"
        via = f" via {self.gateway}" if self.gateway else ""
        return f"{self.destination}{via} on {self.device}"


@dataclass(frozen=True)
class LinkSettings:
    """What can be changed on a link that exists. What is None, but for the master, stays as it is.

    ``master`` is the bridge or bond that it is a member of.
    """

    up: bool
    master: str | None = None
    mtu: int | None = None
    stp: bool | None = None
    filters: bool | None = None
    vlans: tuple[PortVlan, ...] | None = None
    mac: str | None = None

    def __str__(self) -> str:
        words = ["up" if self.up else "down"]
        words += [f"in {self.master}"] if self.master else []
        words += [f"address {self.mac}"] if self.mac is not None else []
        words += [f"mtu {self.mtu}"] if self.mtu is not None else []
        words += [f"stp {'on' if self.stp else 'off'}"] if self.stp is not None else []
        words += (
            [f"{'filtering' if self.filters else 'not filtering'} VLANs"] if self.filters is not None else []
        )
        if self.vlans is not None:
            words += [f"VLANs {' + '.join(map(str, self.vlans))}" if self.vlans else "no VLANs"]
        return ", ".join(words)
