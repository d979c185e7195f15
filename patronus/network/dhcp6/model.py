# SPDX-License-Identifier: GPL-2.0-or-later
"""The part ``ipv6_pools`` of the section ``network/dhcp``. Addresses are written without prefix: ``::20``.

The prefix is whatever the network has at the moment, so that a pool stands through every renumbering.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from patronus.core.model import Strict
from patronus.core.values import (
    AddressRange,
    DomainName,
    Duration,
    Hostname,
    Id,
    InterfaceId,
    Ipv6Address,
    MacAddress,
    Prefix,
    exactly_one,
)

Duid = Annotated[str, Field(pattern=r"^([0-9a-f]{2}){3,130}$")]
"""A client's DUID in lower-case hex, its type first (RFC 8415 section 11)."""


WHOSE = "{} does not say whose the address is"
"""What is wrong with a reservation that names no host, or two."""


class Ipv6Options(Strict):
    """What hosts are told; left out, DNS server and domain are this router's, where it serves DNS."""

    dns_servers: tuple[Ipv6Address, ...] = Field(default=(), description="DNS servers; left out: this router")
    domain_search: tuple[DomainName, ...] = Field(
        default=(), description="domains that are tried after a short name; left out: that of the DNS server"
    )
    ntp_servers: tuple[Ipv6Address, ...] = Field(default=(), description="time servers")


class Ipv6Reservation(Strict):
    """An address that only one host gets, known by its DUID or by its MAC."""

    id: Id = Field(description="stable name of the reservation")
    mac: MacAddress | None = Field(default=None, description="MAC of the host")
    duid: Duid | None = Field(
        default=None, description="DUID of the host in hexadecimal, in place of its MAC"
    )
    address: Ipv6Address = Field(description="its address without the prefix", examples=["::20"])
    hostname: Hostname | None = Field(default=None, description="name of the host")

    @model_validator(mode="after")
    def _names_a_host(self) -> Ipv6Reservation:
        exactly_one(WHOSE.format(self.id), mac=self.mac, duid=self.duid)
        return self


class PrefixReservation(Strict):
    """A prefix that only one router gets, known by its DUID or by its MAC."""

    id: Id = Field(description="stable name of the reservation")
    mac: MacAddress | None = Field(default=None, description="MAC of the router, on this network")
    duid: Duid | None = Field(
        default=None, description="DUID of the router in hexadecimal, in place of its MAC"
    )
    subnet: Annotated[int, Field(ge=0, lt=1 << 32, strict=True)] = Field(
        description="number of the first /64 of its prefix", examples=[32]
    )

    @model_validator(mode="after")
    def _names_a_router(self) -> PrefixReservation:
        exactly_one(f"{self.id} does not say whose the prefix is", mac=self.mac, duid=self.duid)
        return self


class PrefixDelegation(Strict):
    """What routers behind this one are given (RFC 8415 section 6.3): parts of one prefix, of one length."""

    from_: InterfaceId | None = Field(
        default=None, alias="from", description="uplink whose delegated prefix the parts are of"
    )
    prefix: Prefix | None = Field(
        default=None, description="the prefix, in place of an uplink", examples=["2001:db8:4000::/40"]
    )
    length: Annotated[int, Field(ge=40, le=64, strict=True)] = Field(
        default=60, description="length of each router's prefix in bits"
    )
    first: Annotated[int, Field(ge=0, lt=1 << 32, strict=True)] = Field(
        default=0, description="number of the first /64 that is given away"
    )
    last: Annotated[int, Field(ge=0, lt=1 << 32, strict=True)] | None = Field(
        default=None, description="number of the last /64 that is given away; left out: the prefix's last"
    )
    reservations: tuple[PrefixReservation, ...] = Field(default=(), description="prefixes for single routers")

    @model_validator(mode="after")
    def _has_a_source(self) -> PrefixDelegation:
        exactly_one("it is not said what routers get a part of", from_=self.from_, prefix=self.prefix)
        return self


class Ipv6Pool(Strict):
    """What DHCPv6 gives to the hosts of one network; without ranges and reservations settings alone."""

    id: Id = Field(description="stable name of the pool")
    interface: InterfaceId = Field(description="interface that it serves, or behind which its relays are")
    relays: tuple[Ipv6Address, ...] = Field(
        default=(),
        description="addresses from which relay agents ask for hosts of their network; no other is believed",
    )
    subnet: Prefix | None = Field(
        default=None, description="network behind the relays", examples=["2001:db8:9::/64"]
    )
    ranges: tuple[AddressRange, ...] = Field(
        default=(),
        description="addresses that are given out, without their prefix",
        examples=[["::1000-::1fff"]],
    )
    lease_time: Duration = Field(default=43200, description="how long a client may keep its address")
    leases_per_mac: Annotated[int, Field(ge=1, le=65535, strict=True)] = Field(
        default=8, description="addresses that one host may hold, or prefixes, whatever identifiers it shows"
    )
    rapid_commit: bool = Field(
        default=False,
        description="give an address in two messages to hosts that ask so; for one server a network",
    )
    preference: Annotated[int, Field(ge=0, le=255, strict=True)] = Field(
        default=0, description="which server hosts choose where there are several: the highest; 255 at once"
    )
    options: Ipv6Options = Field(default=Ipv6Options.unsaid(), description="what hosts are told")
    delegation: PrefixDelegation | None = Field(
        default=None, description="prefixes for routers of this network; left out: none"
    )
    reservations: tuple[Ipv6Reservation, ...] = Field(default=(), description="addresses for single hosts")

    @property
    def gives_addresses(self) -> bool:
        """Return whether hosts get addresses here, and not settings alone."""
        return bool(self.ranges or self.reservations)
