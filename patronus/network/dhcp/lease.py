# SPDX-License-Identifier: GPL-2.0-or-later
"""Leases, and the table that the machine decides from. Pure; times are seconds since boot (CLOCK_BOOTTIME).

A lease belongs to one client on one subnet, so one MAC on two networks has two leases. The client is its
identifier (option 61) where it sends one, and its hardware address elsewhere (RFC 2131 section 4.2).

A lease of DHCPv6 is kept in the same way, in a table of its own: ``network`` is the interface, ``client`` the
DUID with the identity association, and ``address`` the lower half of an address, whatever the prefix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv6Address
from typing import Any, NamedTuple

from patronus.network.dhcp.config import read_address, write_address


class State(StrEnum):
    """What a lease's row stands for; released and declined rows remember the address."""

    ACTIVE = "active"
    RELEASED = "released"
    DECLINED = "declined"


class Lease(NamedTuple):
    """One address in the hands of one client from ``start_s`` until ``end_s``."""

    network: str
    client: str
    address: int
    mac: str
    hostname: str
    interface: str
    start_s: float
    end_s: float
    state: State = State.ACTIVE
    six: bool = False

    @property
    def text(self) -> str:
        """Return the address as people write it; of DHCPv6 without its prefix."""
        return str(IPv6Address(self.address)) if self.six else write_address(self.address)

    def held(self, now_s: float) -> bool:
        """Return whether nobody else may have the address."""
        return self.state is not State.RELEASED and self.end_s > now_s

    def active(self, now_s: float) -> bool:
        """Return whether the client may use the address."""
        return self.state is State.ACTIVE and self.end_s > now_s

    def as_data(self, now_s: float, wall_s: float) -> dict[str, Any]:
        """Return the lease as JSON-ready data; ``start`` and ``end`` are seconds since the epoch."""
        return {
            "network": self.network,
            "interface": self.interface,
            "client": self.client,
            "address": self.text,
            "mac": self.mac,
            "hostname": self.hostname,
            "start": int(wall_s + self.start_s - now_s),
            "end": int(wall_s + self.end_s - now_s),
            "state": self.state.value if self.end_s > now_s or self.state is not State.ACTIVE else "expired",
        }


def from_data(data: Mapping[str, Any], now_s: float, wall_s: float) -> Lease:
    """Return the lease that ``as_data`` wrote, here or elsewhere. Raises KeyError, ValueError, TypeError.

    One of IPv6 has the lower half of an address alone.

    It never lasts longer than it was given for: the other router's clock may have been ahead.
    """
    start, end = float(data["start"]), float(data["end"])
    if not all(isinstance(data[key], str) for key in ("network", "interface", "client", "mac", "hostname")):
        raise ValueError("a lease's names are texts")
    left_s = min(end - wall_s, end - start)
    six = ":" in data["address"]
    address = int(IPv6Address(data["address"])) if six else read_address(data["address"])
    if address >> (64 if six else 32):
        raise ValueError(f"{data['address']} is more than the lower half of an address")
    return Lease(
        data["network"], data["client"], address, data["mac"], data["hostname"],
        data["interface"], start_s=now_s + left_s - (end - start), end_s=now_s + left_s,
        state=State(data["state"]), six=six,
    )  # fmt: skip


def declined_client(address: str) -> str:
    """Return the client that stands for nobody: an address that somebody found in use."""
    return f"declined:{address}"


class Table:
    """All leases, found by client and by address; never two of either on one network."""

    def __init__(self, leases: Iterable[Lease] = ()) -> None:
        self._by_client: dict[tuple[str, str], Lease] = {}
        self._by_address: dict[tuple[str, int], Lease] = {}
        self._by_mac: dict[tuple[str, str], set[int]] = {}
        for lease in leases:
            self.put(lease)

    def of_client(self, network: str, client: str) -> Lease | None:
        """Return the client's lease on the network, ended ones included."""
        return self._by_client.get((network, client))

    def at(self, network: str, address: int) -> Lease | None:
        """Return the lease of the address, ended ones included."""
        return self._by_address.get((network, address))

    def of_mac(self, network: str, mac: str, now_s: float) -> list[Lease]:
        """Return the leases whose addresses this hardware address keeps from others."""
        addresses = self._by_mac.get((network, mac), ())
        leases = (self._by_address[network, address] for address in addresses)
        return [lease for lease in leases if lease.held(now_s)]

    def number_of_mac(self, network: str, mac: str) -> int:
        """Return how many leases the hardware address has, ended ones included."""
        return len(self._by_mac.get((network, mac), ()))

    def put(self, lease: Lease) -> None:
        """Take the lease in; whatever had its client or its address before is gone."""
        for former in (self.of_client(lease.network, lease.client), self.at(lease.network, lease.address)):
            if former is not None:
                self.remove(former)
        self._by_client[lease.network, lease.client] = lease
        self._by_address[lease.network, lease.address] = lease
        self._by_mac.setdefault((lease.network, lease.mac), set()).add(lease.address)

    def remove(self, lease: Lease) -> None:
        """Forget the lease; harmless where it is not there."""
        self._by_client.pop((lease.network, lease.client), None)
        known = self._by_address.pop((lease.network, lease.address), None)
        if known is not None:
            addresses = self._by_mac[known.network, known.mac]
            addresses.discard(known.address)
            if not addresses:
                del self._by_mac[known.network, known.mac]

    def __iter__(self) -> Iterator[Lease]:
        return iter(list(self._by_address.values()))

    def __len__(self) -> int:
        return len(self._by_address)


def released(lease: Lease, now_s: float) -> Lease:
    """Return the lease as its client gave it back."""
    return lease._replace(state=State.RELEASED, end_s=min(lease.end_s, now_s))


def declined(lease: Lease, now_s: float, time_s: float) -> Lease:
    """Return what keeps the address from everyone for ``time_s``: somebody else was found using it.

    It counts as one of the addresses of the host that says so: nobody can talk a pool empty.
    """
    client = declined_client(lease.text)
    return lease._replace(
        client=client, hostname="", state=State.DECLINED, start_s=now_s, end_s=now_s + time_s
    )
