# SPDX-License-Identifier: GPL-2.0-or-later
"""What the server process is told about IPv6: plain values, JSON over the control channel. Pure, no pydantic.

An identifier is the lower half of an address, a number of 64 bits: a host keeps it while prefixes change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from patronus.network.dhcp6.prefixes import IDENTIFIER, Delegation, Kept, Prefix
from patronus.network.dhcp6.relay import Agent


@dataclass(frozen=True)
class Reservation:
    """An identifier kept for one client, known by its DUID (lower-case hex) or by its MAC."""

    id: str
    identifier: int
    duid: str = ""
    mac: str = ""
    hostname: str = ""


@dataclass(frozen=True)
class Pool:
    """What one network's hosts are given. ``own`` are the router's identifiers, ``options`` bytes by code.

    ``relays`` are the addresses of the agents that may ask for it; without any, it is the device's own.

    ``ranges`` hold first and last identifier, both included; without any, reservations alone are given out.
    """

    id: str
    interface: str
    device: str
    lease_time_s: int
    prefixes: tuple[Prefix, ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()
    own: frozenset[int] = frozenset()
    options: Mapping[int, bytes] = field(default_factory=dict)
    reservations: tuple[Reservation, ...] = ()
    rapid_commit: bool = False
    preference: int = 0
    leases_per_mac: int = 8
    delegation: Delegation | None = None
    relays: frozenset[int] = frozenset()

    @cached_property
    def network(self) -> str:
        """Return under what its leases are kept: the interface, or the network behind relays."""
        return f"{self.interface} {self.prefixes[0].network}" if self.relays else self.interface

    def serves(self, device: str, agent: Agent | None) -> bool:
        """Return whether it is for what came in by a device, from the link or by an agent that it names."""
        if agent is None:
            return self.device == device and not self.relays
        return self.device == device and agent.address in self.relays and self.on_link(agent.link)

    @cached_property
    def by_duid(self) -> dict[str, Reservation]:
        """Return the reservations by DUID."""
        return {item.duid: item for item in self.reservations if item.duid}

    @cached_property
    def by_mac(self) -> dict[str, Reservation]:
        """Return the reservations by MAC."""
        return {item.mac: item for item in self.reservations if item.mac}

    @cached_property
    def reserved(self) -> frozenset[int]:
        """Return every reserved identifier."""
        return frozenset(item.identifier for item in self.reservations)

    @cached_property
    def size(self) -> int:
        """Return how many identifiers the ranges have."""
        return sum(last - first + 1 for first, last in self.ranges)

    def identifier_at(self, index: int) -> int:
        """Return the identifier at a position in the ranges, counted through all of them."""
        for first, last in self.ranges:
            if index <= last - first:
                return first + index
            index -= last - first + 1
        raise IndexError(index)

    def in_ranges(self, identifier: int) -> bool:
        """Return whether the identifier may be given to any client."""
        return identifier not in self.own and any(first <= identifier <= last for first, last in self.ranges)

    def on_link(self, address: int) -> bool:
        """Return whether the address is in a prefix of the network."""
        return any(address & ~IDENTIFIER == prefix.base for prefix in self.prefixes)


@dataclass(frozen=True)
class Config:
    """All pools, in the order of the file."""

    pools: tuple[Pool, ...] = ()

    def as_data(self) -> list[dict[str, Any]]:
        """Return the pools as JSON-ready data."""
        return [_pool_data(pool) for pool in self.pools]

    @classmethod
    def from_data(cls, data: list[dict[str, Any]]) -> Config:
        """Return what ``as_data`` wrote. Raises KeyError, ValueError, TypeError."""
        return cls(tuple(_pool(item) for item in data))


def write_identifier(identifier: int) -> str:
    """Return an identifier, or an address, as people write it: ``::20``."""
    return str(IPv6Address(identifier))


def _pool_data(pool: Pool) -> dict[str, Any]:
    return {
        **{name: getattr(pool, name) for name in _PLAIN},
        "prefixes": _prefix_data(pool.prefixes),
        "delegation": _delegation_data(pool.delegation) if pool.delegation is not None else None,
        "ranges": [[write_identifier(first), write_identifier(last)] for first, last in pool.ranges],
        "relays": [write_identifier(one) for one in sorted(pool.relays)],
        "own": [write_identifier(one) for one in sorted(pool.own)],
        "options": {str(code): value.hex() for code, value in pool.options.items()},
        "reservations": [
            [one.id, write_identifier(one.identifier), one.duid, one.mac, one.hostname]
            for one in pool.reservations
        ],
    }


_PLAIN = ("id", "interface", "device", "lease_time_s", "rapid_commit", "preference", "leases_per_mac")


def _pool(data: Mapping[str, Any]) -> Pool:
    return Pool(
        **{name: data[name] for name in _PLAIN},
        prefixes=_prefixes(data["prefixes"]),
        delegation=_delegation(data["delegation"]) if data["delegation"] is not None else None,
        ranges=tuple((_number(first), _number(last)) for first, last in data["ranges"]),
        relays=frozenset(map(_number, data["relays"])),
        own=frozenset(map(_number, data["own"])),
        options={int(code): bytes.fromhex(value) for code, value in data["options"].items()},
        reservations=tuple(
            Reservation(id_, _number(identifier), *names) for id_, identifier, *names in data["reservations"]
        ),
    )


def _prefix_data(prefixes: Iterable[Prefix]) -> list[list[str | int]]:
    return [[str(one.network), one.preferred_s, one.valid_s] for one in prefixes]


def _prefixes(data: Iterable[list[Any]]) -> tuple[Prefix, ...]:
    return tuple(Prefix(IPv6Network(one), *lifetimes) for one, *lifetimes in data)


def _delegation_data(item: Delegation) -> list[Any]:
    kept = [[one.subnet, one.duid, one.mac] for one in item.kept]
    return [_prefix_data(item.sources), item.length, item.first, item.last, kept]


def _delegation(data: list[Any]) -> Delegation:
    sources, length, first, last, kept = data
    keeping = tuple(Kept(int(subnet), str(duid), str(mac)) for subnet, duid, mac in kept)
    return Delegation(_prefixes(sources), int(length), int(first), int(last), keeping)


def _number(text: str) -> int:
    return int(IPv6Address(text))
