# SPDX-License-Identifier: GPL-2.0-or-later
"""Which address a client gets: reserved, then its last one, then the one it asks for, then a free one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from patronus.network.dhcp.client import Asked
from patronus.network.dhcp.codec import Code
from patronus.network.dhcp.config import Pool, Reservation
from patronus.network.dhcp.lease import Table

OFFER_TIME_S = 30.0
"""How long an offered address is kept for its client; a client answers within seconds."""


class _Offer(NamedTuple):
    client: str
    mac: str
    end_s: float


class Addresses:
    """Chooses addresses by the leases of a table and the offers that stand (RFC 2131 section 4.3.1)."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._offers: dict[tuple[str, int], _Offer] = {}
        self._offered: dict[tuple[str, str], int] = {}
        self._offered_macs: dict[tuple[str, str], set[int]] = {}
        self._empty_until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._offered)

    def reconsider(self) -> None:
        """Look again for free addresses in pools that were found empty."""
        self._empty_until.clear()

    def offer(self, pool: Pool, address: int, asked: Asked) -> None:
        """Keep the address for the client for a while."""
        network, client, mac = pool.network, asked.client, asked.mac
        self._withdraw(network, client)
        former = self._offers.get((network, address))
        if former is not None:
            self._withdraw(network, former.client)
        self._offers[network, address] = _Offer(client, mac, asked.now_s + OFFER_TIME_S)
        self._offered[network, client] = address
        self._offered_macs.setdefault((network, mac), set()).add(address)

    def withdraw(self, pools: list[Pool], client: str) -> None:
        """End the offers made to the client: it has answered one."""
        for pool in pools:
            if self._withdraw(pool.network, client):
                self.reconsider()

    def retract(self, network: str, address: int) -> None:
        """End the offer of an address that is not to be had."""
        offer = self._offers.get((network, address))
        if offer is not None:
            self._withdraw(network, offer.client)
        self.reconsider()

    def _withdraw(self, network: str, client: str) -> bool:
        address = self._offered.pop((network, client), None)
        if address is None:
            return False
        offer = self._offers.get((network, address))
        if offer is not None and offer.client == client:
            del self._offers[network, address]
            addresses = self._offered_macs[network, offer.mac]
            addresses.discard(address)
            if not addresses:
                del self._offered_macs[network, offer.mac]
        return True

    def full(self, asked: Asked, pool: Pool) -> bool:
        """Return whether the hardware address holds all that it may, by other clients than this one.

        A client that has its lease keeps it, also where fewer are allowed since.
        """
        network, client, now_s = pool.network, asked.client, asked.now_s
        offered = self._offered_macs.get((network, asked.mac), ())
        if self._table.number_of_mac(network, asked.mac) + len(offered) < pool.leases_per_mac:
            return False
        own = self._table.of_client(network, client)
        if own is not None and own.active(now_s):
            return False
        held = {lease.address for lease in self._table.of_mac(network, asked.mac, now_s)}
        for address in offered:
            offer = self._offers[network, address]
            if offer.client != client and offer.end_s > now_s:
                held.add(address)
        return len(held) >= pool.leases_per_mac

    def reservation(self, asked: Asked, pool: Pool) -> Reservation | None:
        """Return what the pool keeps for this client."""
        if not pool.reservations:
            return None
        identifier = asked.packet.options.get(Code.CLIENT_ID, b"")
        return pool.by_client_id.get(identifier.hex()) or pool.by_mac.get(asked.mac)

    def pool_for(self, asked: Asked, pools: list[Pool], address: int) -> Pool | None:
        """Return the pool from which this client may have the address now, or None."""
        for pool in pools:
            reservation = self.reservation(asked, pool)
            if reservation is not None and self._is_its(pool, reservation, asked):
                return pool if reservation.address == address else None
        for pool in pools:
            if self._usable(pool, address, asked) and not self.full(asked, pool):
                return pool
        return None

    def choose(self, asked: Asked, pools: list[Pool]) -> tuple[Pool, int] | None:
        """Return the pool and the address to offer, or None where nothing is left."""
        for pool in pools:
            reservation = self.reservation(asked, pool)
            if reservation is not None and self._is_its(pool, reservation, asked):
                return pool, reservation.address
        pools = [pool for pool in pools if not self.full(asked, pool)]
        for wanted in self._wishes(asked, pools):
            for pool in pools:
                if self._usable(pool, wanted, asked):
                    return pool, wanted
        for pool in pools:
            address = self._search(pool, asked)
            if address is not None:
                return pool, address
        return None

    def _wishes(self, asked: Asked, pools: list[Pool]) -> Iterator[int]:
        """Yield what the client was offered, had, and asks for, in this order."""
        for pool in pools:
            offered = self._offered.get((pool.network, asked.client))
            if offered is not None:
                yield offered
        for pool in pools:
            lease = self._table.of_client(pool.network, asked.client)
            if lease is not None:
                yield lease.address
        requested = asked.packet.address(Code.REQUESTED_ADDRESS)
        if requested is not None:
            yield requested

    def _usable(self, pool: Pool, address: int, asked: Asked) -> bool:
        return pool.in_ranges(address) and address not in pool.reserved and self._free(pool, address, asked)

    def _free(self, pool: Pool, address: int, asked: Asked) -> bool:
        """Return whether no other client holds the address or was offered it."""
        lease = self._table.at(pool.network, address)
        if lease is not None and lease.client != asked.client and lease.held(asked.now_s):
            return False
        offer = self._offers.get((pool.network, address))
        return offer is None or offer.client == asked.client or offer.end_s <= asked.now_s

    def _is_its(self, pool: Pool, reservation: Reservation, asked: Asked) -> bool:
        """Return whether the client may have what is kept for it.

        What is kept for a hardware address is its host's under whatever identifier: a host that boots from
        the network has one then, and another once its system runs.
        """
        if self._free(pool, reservation.address, asked):
            return True
        now_s = asked.now_s
        lease = self._table.at(pool.network, reservation.address)
        offer = self._offers.get((pool.network, reservation.address))
        holders = {offer.mac} if offer is not None and offer.end_s > now_s else set()
        if lease is not None and lease.held(now_s):
            holders.add(lease.mac if lease.active(now_s) else "")
        return bool(reservation.mac) and holders == {reservation.mac}

    def _search(self, pool: Pool, asked: Asked) -> int | None:
        """Return a free address, one that nobody ever had before one that has been given back longest.

        The search begins at a place that the client's name decides, so that a client gets the same
        address again although the leases were lost. A pool found empty is left alone until something ends.
        """
        now_s = asked.now_s
        if pool.size == 0 or self._empty_until.get(pool.id, 0.0) > now_s:
            return None
        start = zlib.crc32(asked.client.encode()) % pool.size
        best: tuple[float, int] | None = None
        next_end_s = now_s + OFFER_TIME_S
        for index in range(pool.size):
            address = pool.address_at((start + index) % pool.size)
            lease = self._table.at(pool.network, address)
            if not self._usable(pool, address, asked):
                next_end_s = min(next_end_s, lease.end_s) if lease and lease.held(now_s) else next_end_s
            elif lease is None:
                return address
            elif best is None or lease.end_s < best[0]:
                best = lease.end_s, address
        if best is None:
            self._empty_until[pool.id] = next_end_s
        return best[1] if best else None
