# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts ``prefix_lists``, ``bgp``, ``ospf`` and ``ospf3`` of ``network/routing``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, ValidationInfo, field_validator

from patronus.core.model import Strict
from patronus.core.secret import SecretRef
from patronus.core.values import (
    Address,
    AsNumber,
    Duration,
    Id,
    InterfaceId,
    Ipv4Address,
    Name,
    Prefix,
    Refused,
    metadata,
    parse_ipv4_address,
    shown,
    write_duration,
)

Family = Literal["ipv4", "ipv6"]
FAMILIES: tuple[Family, ...] = ("ipv4", "ipv6")
RedistributedKind = Literal["connected", "static", "bgp", "ospf"]
BOUNDS_S = {
    "keepalive": (1, 65535),
    "hold": (3, 65535),
    "retry": (1, 65535),
    "hello": (1, 65535),
    "dead": (1, 65535),
}
"""Seconds: the least and the most (RFC 4271 section 4.2, RFC 2328 appendix A.3.2)."""
_AREA_ALLOWED = "a number, or four numbers with dots: 0, 0.0.0.0"


def parse_area(value: Any) -> str:
    """Return an area's number in the form with dots (RFC 2328 section 2.2). Raises Refused."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32:
        return str(parse_ipv4_address(".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))))
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 11:
        return parse_area(int(value))
    try:
        return str(parse_ipv4_address(value))
    except Refused:
        raise Refused(f"{shown(value)} is not an area", _AREA_ALLOWED) from None


AreaId = Annotated[
    str,
    PlainValidator(parse_area),
    PlainSerializer(str, return_type=str, when_used="json"),
    metadata.number_or_text(0, 2**32 - 1, _AREA_ALLOWED, "0.0.0.0", pattern="[0-9.]{1,15}"),  # noqa: S104
]
"""An area of OSPF."""
Length = Annotated[int, Field(ge=0, le=128, strict=True)]


class Timed(Strict):
    """Something with times in seconds that have bounds."""

    @field_validator(*BOUNDS_S, check_fields=False)
    @classmethod
    def _in_bounds(cls, seconds: int, info: ValidationInfo) -> int:
        least, most = BOUNDS_S[str(info.field_name)]
        if not least <= seconds <= most:
            said = f"{write_duration(seconds)} is too {'short' if seconds < least else 'long'}"
            raise Refused(said, f"{write_duration(least)} to {most}s")
        return seconds


class PrefixEntry(Strict):
    """One line of a prefix list."""

    prefix: Prefix = Field(description="routes to this prefix, or, with ge or le, to longer ones in it")
    ge: Length | None = Field(default=None, description="length of the prefix from which it is meant")
    le: Length | None = Field(default=None, description="length of the prefix up to which it is meant")
    action: Literal["permit", "deny"] = Field(default="permit", description="take the route, or do not")


class PrefixList(Strict):
    """Which routes are meant, by their prefixes: the first entry that fits decides, none is deny."""

    id: Id = Field(description="stable name of the list")
    entries: tuple[PrefixEntry, ...] = Field(
        min_length=1, max_length=1000, description="prefixes of both families; the first that fits decides"
    )
    description: Name | None = Field(default=None, description="what it is for")


class Redistribute(Strict):
    """Routes of another source that are passed on."""

    kind: RedistributedKind = Field(
        description="connected: the interfaces' networks; static: those of this file; bgp, ospf: learned"
    )
    filter: Id | None = Field(default=None, description="prefix list of those that are; left out: all")


class Neighbor(Timed):
    """A router with which BGP is spoken."""

    id: Id = Field(description="stable name of the neighbour")
    address: Address | None = Field(
        default=None, description="its address; left out: the one that announces itself at interface"
    )
    interface: InterfaceId | None = Field(
        default=None,
        description="interface behind which it is; needed for a link-local address, and without an address",
    )
    remote_as: AsNumber = Field(description="number of its autonomous system")
    password: SecretRef | None = Field(default=None, description="password of the session (RFC 2385)")
    description: Name | None = Field(default=None, description="who it is")
    multihop: Annotated[int, Field(ge=2, le=255, strict=True)] | None = Field(
        default=None, description="routers up to it, where it is no neighbour on the link"
    )
    source: Address | None = Field(default=None, description="address of ours from which it is spoken to")
    families: tuple[Family, ...] = Field(
        default=(),
        max_length=2,
        description="routes of which family; left out: that of its address, without one both",
    )
    import_: Id | None = Field(
        default=None, alias="import", description="prefix list of the routes that are taken from it"
    )
    export: Id | None = Field(default=None, description="prefix list of the routes that it is told")
    next_hop_self: bool = Field(default=False, description="tell it our address as the next router")
    default_originate: bool = Field(default=False, description="tell it a default route")
    maximum_prefixes: Annotated[int, Field(ge=1, le=2**32 - 1, strict=True)] | None = Field(
        default=None, description="end the session where it tells more routes"
    )
    bfd: bool = Field(default=False, description="notice in a second that it is gone (RFC 5880)")
    keepalive: Duration = Field(default=60, description="time between two signs of life")
    hold: Duration = Field(default=180, description="how long without one it counts as alive")
    retry: Duration = Field(default=120, description="time between two tries to reach it")
    enabled: bool = Field(default=True, description="false: as if it were not there")

    @property
    def spoken(self) -> tuple[Family, ...]:
        """Return the families whose routes are exchanged, in a fixed order."""
        version = None if self.address is None else self.address.version
        own = [family for family, its in zip(FAMILIES, (4, 6), strict=True) if version in (its, None)]
        return tuple(one for one in FAMILIES if one in (self.families or own))


class Bgp(Strict):
    """BGP (RFC 4271)."""

    as_: AsNumber = Field(alias="as", description="number of our autonomous system")
    router_id: Ipv4Address | None = Field(
        default=None, description="our name in the form of an address; left out: the highest address"
    )
    neighbors: tuple[Neighbor, ...] = Field(default=(), max_length=256, description="the neighbours")
    networks: tuple[Prefix, ...] = Field(
        default=(),
        max_length=1000,
        description="networks that are told, where the router has a route to them",
    )
    redistribute: tuple[Redistribute, ...] = Field(default=(), max_length=4, description="what is passed on")


class Area(Strict):
    """An area of OSPF; one that is not named here is a normal one."""

    id: AreaId = Field(description="its number")
    type: Literal["normal", "stub", "nssa"] = Field(
        default="normal", description="stub: no routes from outside OSPF; nssa: none but those made in it"
    )
    summaries: bool = Field(
        default=True, description="false: of other areas a stub or nssa area is told the default route alone"
    )


class OspfInterface(Timed):
    """An interface on which OSPF is spoken, or, passive, whose network it is told."""

    interface: InterfaceId = Field(description="the interface")
    area: AreaId = Field(default="0.0.0.0", description="its area")  # noqa: S104  # an area, not a listener
    cost: Annotated[int, Field(ge=1, le=65535, strict=True)] | None = Field(
        default=None, description="cost of leaving by it; left out: by its speed"
    )
    passive: bool = Field(default=False, description="true: its network is told, and nobody is spoken to")
    password: SecretRef | None = Field(
        default=None, description="key of the messages: MD5 in OSPF (RFC 2328), SHA-256 in OSPFv3 (RFC 7166)"
    )
    key_id: Annotated[int, Field(ge=1, le=255, strict=True)] = Field(
        default=1, description="number of the key, the same at both ends"
    )
    network: Literal["broadcast", "point-to-point"] = Field(
        default="broadcast", description="point-to-point: there is one neighbour and no election"
    )
    priority: Annotated[int, Field(ge=0, le=255, strict=True)] = Field(
        default=1, description="who is elected for the link: the highest; 0 never"
    )
    hello: Duration = Field(default=10, description="time between two signs of life; the same at both ends")
    dead: Duration = Field(default=40, description="how long without one a neighbour counts as alive")
    bfd: bool = Field(default=False, description="notice in a second that a neighbour is gone (RFC 5880)")


class Ospf(Strict):
    """OSPF for IPv4 (RFC 2328), or OSPFv3 for IPv6 (RFC 5340)."""

    router_id: Ipv4Address | None = Field(
        default=None, description="our name in the form of an address; left out: the highest address"
    )
    areas: tuple[Area, ...] = Field(default=(), max_length=100, description="areas that are not normal ones")
    interfaces: tuple[OspfInterface, ...] = Field(
        default=(), max_length=256, description="interfaces whose networks take part"
    )
    redistribute: tuple[Redistribute, ...] = Field(default=(), max_length=4, description="what is passed on")
    default_originate: Literal["never", "if-known", "always"] = Field(
        default="never", description="tell a default route: never, while there is one, or always"
    )
