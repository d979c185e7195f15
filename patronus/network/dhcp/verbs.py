# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about DHCP: parameters and results of the verbs. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from patronus.core.values import Address, Hostname, Id, MacAddress
from patronus.core.verb import Parameters, Result
from patronus.network.dhcp6.model import Duid


class ListLeases(Parameters):
    """Which leases to list."""

    all: bool = Field(default=False, description="also leases that have ended and are remembered")


class LeaseInfo(Result):
    """One lease."""

    address: str = Field(description="the address; of a router behind this one its prefix")
    mac: str = Field(description="empty where a host of IPv6 does not say it")
    hostname: str
    interface: str
    network: str
    client: str = Field(
        description="id: and the client identifier, or hw: and the hardware address, in hex; "
        "of IPv6 duid: and the DUID, behind / the identity association"
    )
    start: int = Field(description="seconds since the epoch")
    end: int = Field(description="seconds since the epoch")
    state: str = Field(description="active, expired, released or declined")
    reserved: bool = Field(description="whether the address is kept for one host")
    via: str = Field(default="", description="link-local address of the router that the prefix is of")
    subnet: int | None = Field(
        default=None, description="of a prefix of a router: number of its first /64 in what we have"
    )


class LeaseList(Result):
    """Leases by address; one of IPv6 is there once for each prefix of its network."""

    leases: list[LeaseInfo]


class ReservationInfo(Result):
    """One reservation."""

    id: str
    address: str | None = Field(description="null: it keeps a prefix for a router")
    subnet: int | None = Field(default=None, description="number of the first /64 of the router's prefix")
    mac: str | None
    client_id: str | None
    duid: str | None
    hostname: str | None


class PoolInfo(Result):
    """One pool and how full it is; ``used`` is null while the server does not answer."""

    id: str
    family: Literal[4, 6] = Field(description="whether it is of IPv4, or of IPv6 and without prefixes")
    interface: str
    ranges: list[str]
    lease_time_s: int
    size: int
    used: int | None
    delegation: str | None = Field(description="what routers are given; null: nothing")
    routers: int | None = Field(description="prefixes that routers have; null as used")
    reservations: list[ReservationInfo]
    configuration: dict[str, Any] = Field(description="the pool as in network/dhcp")


class PoolList(Result):
    """Pools in the order of the file, those of IPv4 first."""

    pools: list[PoolInfo]


class AddReservation(Parameters):
    """An address to keep for one host, or a prefix for one router behind this one.

    Of an address of IPv6 the lower half counts, whatever its prefix.
    """

    pool: Id = Field(description="the pool's id")
    mac: MacAddress | None = Field(default=None, description="MAC of the host")
    duid: Duid | None = Field(default=None, description="DUID of the host, in place of its MAC; for IPv6")
    address: Address | None = Field(default=None, description="the address; left out where it is a prefix")
    subnet: Annotated[int, Field(ge=0, lt=1 << 32)] | None = Field(
        default=None, description="number of the first /64 of a router's prefix, in place of an address"
    )
    hostname: Hostname | None = Field(default=None, description="name of the host; routers have none")


class RemoveReservation(Parameters):
    """Names a reservation."""

    id: Id


class RemoveLease(Parameters):
    """Names a lease by its address; one of a prefix by its first."""

    address: Address


class ServerStatus(Result):
    """The server process: whether it answers, on which devices it serves, and what it has counted."""

    running: bool
    devices: list[str]
    counters: dict[str, int]
