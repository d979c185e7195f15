# SPDX-License-Identifier: GPL-2.0-or-later
"""What the server process is told: plain values, JSON over the control channel. Pure, without pydantic."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Any, NamedTuple

from patronus.network.dhcp6 import config as dhcp6

CONTROL_INTERFACE = "io.patronus.dhcpserver.v1"
"""The prefix of the methods on the control channel."""


@dataclass(frozen=True)
class Reservation:
    """An address kept for one client, known by its MAC or by its client identifier (lower-case hex)."""

    id: str
    address: int
    mac: str = ""
    client_id: str = ""
    hostname: str = ""


@dataclass(frozen=True)
class ClientClass:
    """Hosts by what they say they are, and the options that they get in place of the pool's.

    ``vendor`` is how option 60 begins, ``user`` is one of the classes in option 77; empty ones fit all.
    """

    vendor: bytes
    user: bytes
    options: Mapping[int, bytes]
    next_server: int = 0


class Told(NamedTuple):
    """Options of a reply, and how they go over the wire; ``body`` is None where one is too long for that."""

    options: dict[int, bytes]
    body: bytearray | None
    file: bytes


@dataclass(frozen=True)
class Pool:
    """The addresses for one subnet on one device, and what its clients are told.

    ``ranges`` are first and last, both included; ``options`` map the code to the bytes sent;
    ``server`` is our own address on the device. ``relays`` are the agents that are believed; where ``remote``
    is true the subnet lies behind them, and no host of the device itself is served from it.
    """

    id: str
    interface: str
    device: str
    subnet: IPv4Network
    server: int
    ranges: tuple[tuple[int, int], ...]
    lease_time_s: int
    options: Mapping[int, bytes] = field(default_factory=dict)
    reservations: tuple[Reservation, ...] = ()
    relays: frozenset[int] = frozenset()
    remote: bool = False
    leases_per_mac: int = 8
    next_server: int = 0
    classes: tuple[ClientClass, ...] = ()
    probe: bool = True

    @cached_property
    def network(self) -> str:
        """Return the subnet as text: leases are kept apart by it."""
        return str(self.subnet)

    @cached_property
    def told(self) -> dict[Hashable, Told]:
        """Return what hosts were told, by what they asked for: remembered for the next one."""
        return {}

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """Return the first and the last address of the subnet."""
        return int(self.subnet.network_address), int(self.subnet.broadcast_address)

    @cached_property
    def by_mac(self) -> dict[str, Reservation]:
        """Return the reservations by MAC."""
        return {reservation.mac: reservation for reservation in self.reservations if reservation.mac}

    @cached_property
    def by_client_id(self) -> dict[str, Reservation]:
        """Return the reservations by client identifier."""
        return {item.client_id: item for item in self.reservations if item.client_id}

    @cached_property
    def reserved(self) -> frozenset[int]:
        """Return every reserved address."""
        return frozenset(reservation.address for reservation in self.reservations)

    @cached_property
    def size(self) -> int:
        """Return how many addresses the ranges have."""
        return sum(last - first + 1 for first, last in self.ranges)

    def address_at(self, index: int) -> int:
        """Return the address at a position in the ranges, counted through all of them."""
        for first, last in self.ranges:
            if index <= last - first:
                return first + index
            index -= last - first + 1
        raise IndexError(index)

    def on_subnet(self, address: int) -> bool:
        """Return whether the address belongs to the subnet."""
        return self.bounds[0] <= address <= self.bounds[1]

    def in_ranges(self, address: int) -> bool:
        """Return whether the address may be given to any client."""
        for first, last in self.ranges:
            if first <= address <= last:
                return address != self.server
        return False


class DevicePools:
    """The pools of one device, by who is served from them."""

    def __init__(self, pools: Iterable[Pool]) -> None:
        self.here: list[Pool] = []
        self.remote: list[Pool] = []
        self.behind: dict[int, list[Pool]] = {}
        for pool in pools:
            (self.remote if pool.remote else self.here).append(pool)
            for relay in pool.relays:
                self.behind.setdefault(relay, []).append(pool)


@dataclass(frozen=True)
class ServerConfig:
    """All pools, in the order of the file; those for IPv6 apart."""

    pools: tuple[Pool, ...] = ()
    six: dhcp6.Config = field(default_factory=dhcp6.Config)

    @cached_property
    def by_device(self) -> dict[str, DevicePools]:
        """Return the pools of each device."""
        devices = {pool.device for pool in self.pools}
        return {
            device: DevicePools(pool for pool in self.pools if pool.device == device) for device in devices
        }

    def as_data(self) -> dict[str, Any]:
        """Return the configuration as JSON-ready data."""
        return {"pools": [_pool_data(pool) for pool in self.pools], "six": self.six.as_data()}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> ServerConfig:
        """Return what ``as_data`` wrote. Raises KeyError, ValueError, TypeError."""
        return cls(tuple(_pool(item) for item in data["pools"]), dhcp6.Config.from_data(data["six"]))


def write_address(address: int) -> str:
    """Return the address as people write it."""
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def read_address(text: str) -> int:
    """Return the address as a number. Raises ValueError."""
    return int(IPv4Address(text))


def _options_data(options: Mapping[int, bytes]) -> dict[str, str]:
    return {str(code): value.hex() for code, value in options.items()}


def _options(data: Mapping[str, str]) -> dict[int, bytes]:
    return {int(code): bytes.fromhex(value) for code, value in data.items()}


def _pool_data(pool: Pool) -> dict[str, Any]:
    return {
        "id": pool.id,
        "interface": pool.interface,
        "device": pool.device,
        "subnet": pool.network,
        "server": write_address(pool.server),
        "ranges": [[write_address(first), write_address(last)] for first, last in pool.ranges],
        "lease_time_s": pool.lease_time_s,
        "options": _options_data(pool.options),
        "reservations": [
            {
                "id": item.id,
                "address": write_address(item.address),
                "mac": item.mac,
                "client_id": item.client_id,
                "hostname": item.hostname,
            }
            for item in pool.reservations
        ],
        "relays": [write_address(relay) for relay in sorted(pool.relays)],
        "remote": pool.remote,
        "leases_per_mac": pool.leases_per_mac,
        "probe": pool.probe,
        "next_server": write_address(pool.next_server),
        "classes": [
            {
                "vendor": item.vendor.hex(),
                "user": item.user.hex(),
                "options": _options_data(item.options),
                "next_server": write_address(item.next_server),
            }
            for item in pool.classes
        ],
    }


def _pool(data: Mapping[str, Any]) -> Pool:
    return Pool(
        id=data["id"],
        interface=data["interface"],
        device=data["device"],
        subnet=IPv4Network(data["subnet"]),
        server=read_address(data["server"]),
        ranges=tuple((read_address(first), read_address(last)) for first, last in data["ranges"]),
        lease_time_s=data["lease_time_s"],
        options=_options(data["options"]),
        reservations=tuple(
            Reservation(
                item["id"], read_address(item["address"]), item["mac"], item["client_id"], item["hostname"]
            )
            for item in data["reservations"]
        ),
        relays=frozenset(read_address(relay) for relay in data["relays"]),
        remote=data["remote"],
        leases_per_mac=data["leases_per_mac"],
        probe=data["probe"],
        next_server=read_address(data["next_server"]),
        classes=tuple(
            ClientClass(
                bytes.fromhex(item["vendor"]),
                bytes.fromhex(item["user"]),
                _options(item["options"]),
                read_address(item["next_server"]),
            )
            for item in data["classes"]
        ),
    )
