# SPDX-License-Identifier: GPL-2.0-or-later
"""Tunnels to another router, VXLAN and GRE, and the translator to IPv4, as the files have them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Annotated

from pydantic import Field, model_validator

from patronus.core.embedded import WELL_KNOWN
from patronus.core.model import Strict
from patronus.core.values import Address, InterfaceId, Port, Prefix, Refused, TranslationPrefix

MOST_OTHERS = 64
"""Each frame for everybody is sent once to each."""


class _Ends(Strict):
    """Where a tunnel leads."""

    parent: InterfaceId = Field(description="interface by which the other end is reached")
    remote: Address = Field(description="address of the other end")
    local: Address | None = Field(
        default=None, description="own address towards it; left out: that of the route"
    )

    @model_validator(mode="after")
    def _leads_to_one(self) -> _Ends:
        if self.remote.is_multicast or self.remote.is_unspecified or self.remote.is_loopback:
            raise Refused(f"{self.remote} is no other router", "the address of one")
        if self.local is not None and self.local.version != self.remote.version:
            raise Refused(f"{self.local} and {self.remote} do not speak with each other", "one family")
        if self.local == self.remote:
            raise Refused(f"{self.remote} is both ends", "two addresses")
        return self


class Vxlan(_Ends):
    """Frames of Ethernet to another router, in UDP (RFC 7348): two networks as one. Nothing is encrypted."""

    vni: Annotated[int, Field(ge=1, le=16777215, strict=True)] = Field(
        description="number of the network, the same at both ends"
    )
    port: Port = Field(default=4789, description="UDP port of all ends")
    others: tuple[Address, ...] = Field(
        default=(),
        max_length=MOST_OTHERS,
        description="addresses of further ends, each of which has all others",
    )

    @model_validator(mode="after")
    def _leads_to_each_once(self) -> Vxlan:
        for place, one in enumerate(self.others):
            if one in (self.remote, self.local, *self.others[:place]):
                raise Refused(f"{one} is there twice", "each end once")
            if one.version != self.remote.version:
                raise Refused(f"{one} and {self.remote} do not speak with each other", "one family")
            if one.is_multicast or one.is_unspecified or one.is_loopback:
                raise Refused(f"{one} is no other router", "the address of one")
        return self

    @property
    def remotes(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """Return the addresses of all other ends."""
        return (self.remote, *self.others)


class Nat64(Strict):
    """A translator by which hosts of IPv6 reach IPv4 (RFC 7915), each by an address of its own."""

    prefix: TranslationPrefix = Field(
        default=WELL_KNOWN, description="prefix of IPv6 that addresses of IPv4 follow"
    )
    pool: Prefix = Field(
        description="private addresses of IPv4 that no network here has; each host takes one",
        examples=["192.168.255.0/24"],
    )

    @model_validator(mode="after")
    def _has_a_pool_of_ipv4(self) -> Nat64:
        if self.pool.version != 4:
            raise Refused(f"{self.pool} is IPv6: hosts take addresses of IPv4", "a prefix of IPv4")
        return self

    @property
    def addresses(self) -> IPv4Network:
        """Return the pool."""
        return IPv4Network((int(self.pool.network_address), self.pool.prefixlen))


class Gre(_Ends):
    """Packets to another router, of any protocol (RFC 2784), or frames of Ethernet. Nothing is encrypted."""

    key: Annotated[int, Field(ge=0, le=0xFFFFFFFF, strict=True)] | None = Field(
        default=None, description="number that tells several between the same ends apart, the same at both"
    )
    ttl: Annotated[int, Field(ge=1, le=255, strict=True)] = Field(
        default=64, description="how many routers a packet may pass on the way"
    )
    frames: bool = Field(
        default=False, description="whether it carries frames of Ethernet, for bridges and VLANs"
    )

    @property
    def remotes(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """Return the address of the other end."""
        return (self.remote,)
