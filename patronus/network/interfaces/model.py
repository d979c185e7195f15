# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/interfaces``: roles, the NICs or links that play them, and their addresses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from patronus.core.model import Section, Strict
from patronus.core.values import (
    AddressWithPrefix,
    InterfaceId,
    Ipv4Address,
    Ipv6Address,
    MacAddress,
    Refused,
    VlanTag,
    ZoneId,
)

Mtu = Annotated[int, Field(ge=576, le=9216, strict=True)]
"""Bytes of payload in a frame: IPv4 hosts take 576 (RFC 791 section 3.1), few switches more than 9216."""


class Match(Strict):
    """How a NIC is known again: by its permanent MAC, else by its place on the bus (udev's ID_PATH)."""

    mac: MacAddress | None = None
    path: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$")] | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Match:
        if self.mac is None and self.path is None:
            raise Refused("a match without mac and path fits every NIC", "mac, path, or both")
        return self


class Ipv4(Strict):
    """IPv4 on one interface. PPPoE is not built yet and is refused in the checks."""

    method: Literal["dhcp", "static", "pppoe", "none"] = "none"
    addresses: tuple[AddressWithPrefix, ...] = ()
    gateway: Ipv4Address | None = None


class PrefixDelegation(Strict):
    """Ask the provider for a prefix; ``hint`` is the length that we would like (RFC 8415 section 18.2.1)."""

    hint: Annotated[int, Field(ge=32, le=64, strict=True)] = 56


class Ipv6(Strict):
    """IPv6 on one interface.

    ``dhcp`` and ``slaac`` are for uplinks. ``delegated`` numbers this network from the prefix that the
    interface ``from`` was given, as its ``subnet``-th /64; ``ula`` adds a local prefix that always stays
    (RFC 4193). ``advertise`` makes the router announce itself and the prefixes of static addresses.
    """

    method: Literal["dhcp", "slaac", "static", "delegated", "none"] = "none"
    addresses: tuple[AddressWithPrefix, ...] = ()
    gateway: Ipv6Address | None = None
    prefix_delegation: PrefixDelegation | None = None
    from_: InterfaceId | None = Field(default=None, alias="from")
    subnet: Annotated[int, Field(ge=0, le=65535, strict=True)] = 0
    ula: bool = False
    advertise: bool = False


class Vlan(Strict):
    """A VLAN on top of another interface (IEEE 802.1Q)."""

    parent: InterfaceId
    tag: VlanTag


class Bridge(Strict):
    """A bridge over other interfaces, which have neither zone nor address of their own."""

    members: tuple[InterfaceId, ...] = ()
    stp: bool = False


class Interface(Strict):
    """One role: what plays it (exactly one of match, vlan, bridge), its zone and its addresses."""

    id: InterfaceId
    match: Match | None = None
    vlan: Vlan | None = None
    bridge: Bridge | None = None
    zone: ZoneId | None = None
    mtu: Mtu | None = None
    ipv4: Ipv4 = Ipv4()
    ipv6: Ipv6 = Ipv6()

    @model_validator(mode="after")
    def _is_one_thing(self) -> Interface:
        given = [name for name in ("match", "vlan", "bridge") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none of them"
            raise Refused(f"{self.id} has {found}", "exactly one of match, vlan, bridge")
        return self


class Interfaces(Strict):
    """All roles of the router."""

    interfaces: tuple[Interface, ...] = ()


SECTION = Section("network/interfaces", Interfaces)
