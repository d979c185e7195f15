# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/interfaces``: roles, the NICs or links that play them, and their addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from patronus.core.early import XdpMode
from patronus.core.link import BondHash, BondMode, LinkKind, VlanProtocol
from patronus.core.model import Section, Strict
from patronus.core.route_table import MOST_VRF_TABLE
from patronus.core.values import (
    AddressWithPrefix,
    DevicePath,
    InterfaceId,
    Ipv4Address,
    Ipv6Address,
    MacAddress,
    Refused,
    TranslationPrefix,
    VlanTag,
    ZoneId,
)
from patronus.network.interfaces.card_model import Offloads, QueueCount, Rings
from patronus.network.interfaces.tunnel_model import Gre, Nat64, Vxlan
from patronus.network.pppoe.model import Pppoe

MADE: tuple[LinkKind, ...] = ("vlan", "bridge", "bond", "dummy", "vxlan", "gre", "vrf", "nat64", "pppoe")
"""The keys, and the kinds, of links that are no cards."""
KINDS = ("match", *MADE)
"""The keys that say what plays a role."""
Mtu = Annotated[int, Field(ge=576, le=9216, strict=True)]
"""Bytes of payload in a frame: IPv4 hosts take 576 (RFC 791 section 3.1), few switches more than 9216."""


class Match(Strict):
    """How a NIC is known again: by its permanent MAC, else by its place on the bus (udev's ID_PATH)."""

    mac: MacAddress | None = Field(default=None, description="permanent MAC of the card")
    path: DevicePath | None = Field(default=None, description="place on the bus, udev's ID_PATH")

    @model_validator(mode="after")
    def _names_something(self) -> Match:
        if self.mac is None and self.path is None:
            raise Refused("a match without mac and path fits every NIC", "mac, path, or both")
        return self


class Ipv4(Strict):
    """IPv4 on one interface; ``pppoe`` is for one that dials in: its provider gives the address."""

    method: Literal["dhcp", "static", "pppoe", "none"] = Field(
        default="none", description="where its address comes from"
    )
    addresses: tuple[AddressWithPrefix, ...] = Field(
        default=(), description="static addresses with their prefix length"
    )
    gateway: Ipv4Address | None = Field(default=None, description="default gateway; for static")


class PrefixDelegation(Strict):
    """Ask the provider for a prefix; ``hint`` is the length that we would like (RFC 8415 section 18.2.1)."""

    hint: Annotated[int, Field(ge=32, le=64, strict=True)] = Field(
        default=56, description="prefix length to ask for, in bits"
    )


class Ipv6(Strict):
    """IPv6 on one interface.

    ``dhcp`` and ``slaac`` are for uplinks. ``delegated`` numbers this network from the prefix that the
    interface ``from`` was given, as its ``subnet``-th /64; ``ula`` adds a local prefix that always stays
    (RFC 4193), and is enough without ``from``. ``advertise`` makes the router announce itself and the
    prefixes of static addresses.
    """

    method: Literal["dhcp", "slaac", "static", "delegated", "none"] = Field(
        default="none", description="where its address comes from"
    )
    addresses: tuple[AddressWithPrefix, ...] = Field(
        default=(), description="static addresses with their prefix length"
    )
    gateway: Ipv6Address | None = Field(default=None, description="default gateway; for static")
    prefix_delegation: PrefixDelegation | None = Field(
        default=None, description="ask the provider for a prefix"
    )
    from_: InterfaceId | None = Field(
        default=None,
        alias="from",
        description="uplink whose prefix it is numbered from; for delegated, which can do with ula alone",
    )
    subnet: Annotated[int, Field(ge=0, le=65535, strict=True)] = Field(
        default=0, description="number of its /64 in that prefix"
    )
    ula: bool = Field(default=False, description="add a local prefix that always stays")
    advertise: bool = Field(
        default=False, description="announce the router and the prefixes of static addresses"
    )
    translator: TranslationPrefix | None = Field(
        default=None,
        description="prefix by which hosts are told to reach IPv4 (RFC 8781), where they are told anything",
    )


class Vlan(Strict):
    """A VLAN on top of another interface (IEEE 802.1Q), which may be a VLAN itself (QinQ)."""

    parent: InterfaceId = Field(description="interface that carries it")
    tag: VlanTag = Field(description="VLAN identifier")
    protocol: VlanProtocol = Field(
        default="802.1q", description="how frames are marked; 802.1ad is a provider's outer tag"
    )


class BridgePort(Strict):
    """The VLANs that a member of a bridge carries: one without tags, as hosts speak, and others with them."""

    untagged: VlanTag | None = Field(
        default=None, description="VLAN of the frames without a tag; left out: those that come in are dropped"
    )
    tagged: tuple[VlanTag, ...] = Field(default=(), description="VLANs whose frames carry their tag")

    @model_validator(mode="after")
    def _carries_each_once(self) -> BridgePort:
        if self.untagged is None and not self.tagged:
            raise Refused("a port without VLANs carries nothing", "untagged, tagged, or both")
        carried = (*self.tagged, *([self.untagged] if self.untagged is not None else ()))
        twice = next((tag for tag in carried if carried.count(tag) > 1), None)
        if twice is not None:
            raise Refused(f"VLAN {twice} is there twice", "each VLAN once, tagged or untagged")
        return self

    @property
    def carried(self) -> frozenset[int]:
        """Return all its VLANs."""
        return frozenset((*self.tagged, *([self.untagged] if self.untagged is not None else ())))


class Bridge(Strict):
    """A bridge over other interfaces, which have neither zone nor address of their own.

    With ``vlans`` it keeps the VLANs apart, as a managed switch does.
    """

    members: tuple[InterfaceId, ...] = Field(default=(), description="interfaces that it joins")
    stp: bool = Field(default=False, description="whether it speaks the spanning tree protocol")
    vlans: dict[InterfaceId, BridgePort] = Field(
        default_factory=dict,
        description="member → the VLANs that it carries; left out: all pass, whatever their tag",
        examples=[{"office": {"untagged": 10}, "trunk": {"tagged": [10, 20]}}],
    )


class Bond(Strict):
    """Several network cards as one link, IEEE 802.1AX; they have neither zone nor address of their own."""

    members: tuple[InterfaceId, ...] = Field(default=(), description="network cards that it joins")
    mode: BondMode = Field(
        default="active-backup", description="how frames are spread; 802.3ad is LACP and needs the switch"
    )
    monitor_ms: Annotated[int, Field(ge=10, le=10000, strict=True)] = Field(
        default=100, description="how often the members' carriers are looked at, in milliseconds"
    )
    hash: BondHash = Field(
        default="layer2",
        description="what decides the member of a frame; for balance-xor, 802.3ad, balance-tlb",
    )
    lacp_rate: Literal["slow", "fast"] = Field(
        default="slow", description="whether LACP speaks every 30 seconds or each second; for 802.3ad"
    )


class Vrf(Strict):
    """A routing table of its own for some interfaces: nothing but routes of it leads there, or out of it."""

    table: Annotated[int, Field(ge=1, le=MOST_VRF_TABLE, strict=True)] = Field(
        description="number of its routing table"
    )
    members: tuple[InterfaceId, ...] = Field(
        default=(), description="interfaces that are in it, with addresses and the zone of the VRF"
    )


class Dummy(Strict):
    """A link that leads nowhere and is always up: a place for addresses of the router itself."""


class Interface(Strict):
    """One role: what plays it (one of ``KINDS``), its zone and its addresses."""

    id: InterfaceId = Field(description="role, by which everything else names it")
    match: Match | None = Field(default=None, description="the network card that plays the role")
    vlan: Vlan | None = Field(default=None, description="a VLAN plays the role")
    bridge: Bridge | None = Field(default=None, description="a bridge plays the role")
    bond: Bond | None = Field(default=None, description="several cards as one play the role")
    dummy: Dummy | None = Field(default=None, description="a link of its own plays the role")
    vxlan: Vxlan | None = Field(default=None, description="a way to another router plays the role")
    gre: Gre | None = Field(default=None, description="a way to another router, as packets, plays the role")
    vrf: Vrf | None = Field(default=None, description="a routing table of its own plays the role")
    nat64: Nat64 | None = Field(default=None, description="a translator from IPv6 to IPv4 plays the role")
    pppoe: Pppoe | None = Field(default=None, description="a session with a provider plays the role")
    zone: ZoneId | None = Field(default=None, description="zone of the firewall")
    mac: MacAddress | None = Field(
        default=None, description="of a network card: the address that it shows; left out: its own"
    )
    mtu: Mtu | None = Field(default=None, description="MTU in bytes; left out: that of the device")
    xdp: XdpMode = Field(
        default="auto",
        description="of a network card: where XDP drops early, in its driver (native), behind it (generic), "
        "in the driver where that can and else behind it (auto), or not at all (off)",
    )
    offloads: Offloads = Field(
        default=Offloads.unsaid(), description="of a network card: what it does for the kernel"
    )
    rings: Rings = Field(
        default=Rings.unsaid(),
        description="of a network card: how many packets wait between it and the kernel",
    )
    queues: QueueCount | None = Field(
        default=None, description="of a network card: how many processors can serve it at a time"
    )
    ipv4: Ipv4 = Field(default=Ipv4.unsaid(), description="its IPv4 addresses")
    ipv6: Ipv6 = Field(default=Ipv6.unsaid(), description="its IPv6 addresses")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Interface:
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none of them"
            raise Refused(f"{self.id} has {found}", f"exactly one of {', '.join(KINDS)}")
        return self

    @model_validator(mode="after")
    def _shows_an_address(self) -> Interface:
        if self.mac is not None and self.match is None:
            raise Refused(f"{self.id} is no network card, and only those show another address", "match")
        return self

    @property
    def kind(self) -> LinkKind:
        """Return what plays the role; a card is a ``nic``."""
        return next((kind for kind in MADE if getattr(self, kind) is not None), "nic")

    @property
    def parent(self) -> str | None:
        """Return the role that a VLAN, a tunnel or a session stands on."""
        below = self.vlan or self.vxlan or self.gre or self.pppoe
        return below.parent if below else None

    @property
    def leads_to_one(self) -> bool:
        """Return whether packets go to one other router, without the addresses of Ethernet."""
        return (
            self.pppoe is not None or self.nat64 is not None or (self.gre is not None and not self.gre.frames)
        )

    @property
    def is_switch(self) -> bool:
        """Return whether it is a bridge that keeps VLANs apart."""
        return bool(self.bridge and self.bridge.vlans)

    @property
    def members(self) -> tuple[str, ...]:
        """Return the roles that a bridge, bond or VRF joins."""
        joined = self.bridge or self.bond or self.vrf
        return joined.members if joined else ()


def vrfs_of(interfaces: Iterable[Interface]) -> dict[str, str]:
    """Return role → the VRF that it is in, or that it is."""
    return {role: item.id for item in interfaces if item.vrf for role in (item.id, *item.members)}


def standing_on(item: Interface, roles: Mapping[str, Interface]) -> tuple[Interface, ...]:
    """Return what an interface stands on, the nearest first; ends where one would stand on itself."""
    found: list[Interface] = []
    below = roles.get(item.parent or "")
    while below is not None and below not in found:
        found.append(below)
        below = roles.get(below.parent or "")
    return tuple(found)


class Interfaces(Strict):
    """The interfaces by role: cards, VLANs, bridges and so on, their zones and addresses."""

    interfaces: tuple[Interface, ...] = Field(
        default=(), description="the roles, uplinks in the order in which they are preferred"
    )


SECTION = Section("network/interfaces", Interfaces)
