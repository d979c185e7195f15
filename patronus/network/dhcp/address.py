# SPDX-License-Identifier: GPL-2.0-or-later
"""Which address a client gets: reserved, then its last one, then the one it asks for, then a free one."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from patronus.network.dhcp.client import client_of, mac_of
from patronus.network.dhcp.codec import Code, Packet
from patronus.network.dhcp.config import Pool, Reservation
from patronus.network.dhcp.lease import Table

OFFER_TIME_S = 30.0
"""How long an offered address is kept for its client; a client answers within seconds."""


@dataclass(frozen=True)
class _Offer:
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

    def offer(self, pool: Pool, address: int, packet: Packet, now_s: float) -> None:
        """Keep the address for the client for a while."""
        client, mac = client_of(packet), mac_of(packet)
        self._withdraw(pool.network, client)
        former = self._offers.get((pool.network, address))
        if former is not None:
            self._withdraw(pool.network, former.client)
        self._offers[pool.network, address] = _Offer(client, mac, now_s + OFFER_TIME_S)
        self._offered[pool.network, client] = address
        self._offered_macs.setdefault((pool.network, mac), set()).add(address)

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

    def full(self, packet: Packet, pool: Pool, now_s: float) -> bool:
        """Return whether the hardware address holds all that it may, by other clients than this one.

        A client that has its lease keeps it, also where fewer are allowed since.
        """
        client, mac = client_of(packet), mac_of(packet)
        own = self._table.of_client(pool.network, client)
        if own is not None and own.active(now_s):
            return False
        held = {lease.address for lease in self._table.of_mac(pool.network, mac, now_s)}
        for address in self._offered_macs.get((pool.network, mac), ()):
            offer = self._offers[pool.network, address]
            if offer.client != client and offer.end_s > now_s:
                held.add(address)
        return len(held) >= pool.leases_per_mac

    def reservation(self, packet: Packet, pool: Pool) -> Reservation | None:
        """Return what the pool keeps for this client."""
        identifier = packet.options.get(Code.CLIENT_ID, b"")
        return pool.by_client_id.get(identifier.hex()) or pool.by_mac.get(mac_of(packet))

    def pool_for(self, packet: Packet, pools: list[Pool], address: int, now_s: float) -> Pool | None:
        """Return the pool from which this client may have the address now, or None."""
        client = client_of(packet)
        for pool in pools:
            reservation = self.reservation(packet, pool)
            if reservation is not None and self._is_its(pool, reservation, packet, now_s):
                return pool if reservation.address == address else None
        for pool in pools:
            if self._usable(pool, address, client, now_s) and not self.full(packet, pool, now_s):
                return pool
        return None

    def choose(self, packet: Packet, pools: list[Pool], now_s: float) -> tuple[Pool, int] | None:
        """Return the pool and the address to offer, or None where nothing is left."""
        client = client_of(packet)
        for pool in pools:
            reservation = self.reservation(packet, pool)
            if reservation is not None and self._is_its(pool, reservation, packet, now_s):
                return pool, reservation.address
        pools = [pool for pool in pools if not self.full(packet, pool, now_s)]
        for wanted in self._wishes(packet, pools, client):
            for pool in pools:
                if self._usable(pool, wanted, client, now_s):
                    return pool, wanted
        for pool in pools:
            address = self._search(pool, client, now_s)
            if address is not None:
                return pool, address
        return None

    def _wishes(self, packet: Packet, pools: list[Pool], client: str) -> list[int]:
        """Return what the client was offered, had, and asks for, in this order."""
        wishes = [self._offered.get((pool.network, client)) for pool in pools]
        leases = [self._table.of_client(pool.network, client) for pool in pools]
        wishes += [lease.address for lease in leases if lease is not None]
        wishes.append(packet.address(Code.REQUESTED_ADDRESS))
        return [wish for wish in wishes if wish is not None]

    def _usable(self, pool: Pool, address: int, client: str, now_s: float) -> bool:
        return (
            pool.in_ranges(address)
            and address not in pool.reserved
            and self._free(pool, address, client, now_s)
        )

    def _free(self, pool: Pool, address: int, client: str, now_s: float) -> bool:
        """Return whether no other client holds the address or was offered it."""
        lease = self._table.at(pool.network, address)
        if lease is not None and lease.client != client and lease.held(now_s):
            return False
        offer = self._offers.get((pool.network, address))
        return offer is None or offer.client == client or offer.end_s <= now_s

    def _is_its(self, pool: Pool, reservation: Reservation, packet: Packet, now_s: float) -> bool:
        """Return whether the client may have what is kept for it.

        What is kept for a hardware address is its host's under whatever identifier: a host that boots from
        the network has one then, and another once its system runs.
        """
        if self._free(pool, reservation.address, client_of(packet), now_s):
            return True
        lease = self._table.at(pool.network, reservation.address)
        offer = self._offers.get((pool.network, reservation.address))
        holders = {offer.mac} if offer is not None and offer.end_s > now_s else set()
        if lease is not None and lease.held(now_s):
            holders.add(lease.mac if lease.active(now_s) else "")
        return bool(reservation.mac) and holders == {reservation.mac}

    def _search(self, pool: Pool, client: str, now_s: float) -> int | None:
        """Return a free address, one that nobody ever had before one that has been given back longest.

        The search begins at a place that the client's name decides, so that a client gets the same
        address again although the leases were lost. A pool found empty is left alone until something ends.
        """
        if pool.size == 0 or self._empty_until.get(pool.id, 0.0) > now_s:
            return None
        start = zlib.crc32(client.encode()) % pool.size
        best: tuple[float, int] | None = None
        next_end_s = now_s + OFFER_TIME_S
        for index in range(pool.size):
            address = pool.address_at((start + index) % pool.size)
            lease = self._table.at(pool.network, address)
            if not self._usable(pool, address, client, now_s):
                next_end_s = min(next_end_s, lease.end_s) if lease and lease.held(now_s) else next_end_s
            elif lease is None:
                return address
            elif best is None or lease.end_s < best[0]:
                best = lease.end_s, address
        if best is None:
            self._empty_until[pool.id] = next_end_s
        return best[1] if best else None
