# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about DHCP: parameters and results of the verbs. Pure."""

from __future__ import annotations

from pydantic import Field

from patronus.core.values import Hostname, Id, Ipv4Address, MacAddress
from patronus.core.verb import Parameters, Result


class ListLeases(Parameters):
    """Which leases to list."""

    all: bool = Field(default=False, description="also leases that have ended and are remembered")


class LeaseInfo(Result):
    """One lease."""

    address: str
    mac: str
    hostname: str
    interface: str
    network: str
    client: str = Field(description="id: and the client identifier, or hw: and the hardware address, in hex")
    start: int = Field(description="seconds since the epoch")
    end: int = Field(description="seconds since the epoch")
    state: str = Field(description="active, expired, released or declined")
    reserved: bool = Field(description="whether the address is kept for one host")


class LeaseList(Result):
    """Leases by address."""

    leases: list[LeaseInfo]


class ReservationInfo(Result):
    """One reservation."""

    id: str
    address: str
    mac: str | None
    client_id: str | None
    hostname: str | None


class PoolInfo(Result):
    """One pool and how full it is; ``used`` is null while the server does not answer."""

    id: str
    interface: str
    ranges: list[str]
    lease_time_s: int
    size: int
    used: int | None
    reservations: list[ReservationInfo]


class PoolList(Result):
    """Pools in the order of the file."""

    pools: list[PoolInfo]


class AddReservation(Parameters):
    """An address to keep for one host."""

    pool: Id = Field(description="the pool's id")
    mac: MacAddress
    address: Ipv4Address
    hostname: Hostname | None = None


class RemoveReservation(Parameters):
    """Names a reservation."""

    id: Id


class RemoveLease(Parameters):
    """Names a lease by its address."""

    address: Ipv4Address


class ServerStatus(Result):
    """The server process: whether it answers, on which devices it serves, and what it has counted."""

    running: bool
    devices: list[str]
    counters: dict[str, int]
