# SPDX-License-Identifier: GPL-2.0-or-later
"""Who a client is, and which identifier it gets: reserved, its last one, its wish, then a free one."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from patronus.network.dhcp.client import label
from patronus.network.dhcp.lease import Lease, Table
from patronus.network.dhcp6.codec import Code, Packet
from patronus.network.dhcp6.config import Pool, Reservation, write_identifier
from patronus.network.dhcp6.prefixes import IDENTIFIER
from patronus.network.dhcp6.relay import ETHERNET

_LINK_LAYER, _LINK_LAYER_TIME = 3, 1
"""Types of a DUID that name a hardware address (RFC 8415 sections 11.2 and 11.4)."""

LOOK_AGAIN_S = 10.0
"""How long a pool that was found empty is left alone, unless an address comes back."""


@dataclass(frozen=True)
class Client:
    """A host that asks from the link-local address ``source``.

    ``host`` is its MAC, else that address: what counts what one host holds.
    """

    duid: str
    host: str
    hostname: str = ""
    source: int = 0

    def key(self, iaid: int) -> str:
        """Return the key of the lease of one of its identity associations."""
        return f"duid:{self.duid}/{iaid:08x}"


def client_of(packet: Packet, source: int, mac: str = "") -> Client:
    """Return who sent the packet, from the link-local address ``source``; ``mac`` is what a relay saw."""
    duid = packet.client
    mac = mac or mac_of_address(source) or _mac_of_duid(duid)
    name = packet.options.get(Code.CLIENT_FQDN, b"")[1:]  # RFC 4704 section 4: a byte of flags, then the name
    hostname = label(name[1 : 1 + name[0]]) if name else ""
    return Client(duid.hex(), mac or write_identifier(source), hostname, source)


def mac_of_address(address: int) -> str:
    """Return the MAC that a link-local address was made from (RFC 4291 appendix A), or nothing."""
    half = (address & IDENTIFIER).to_bytes(8, "big")
    if half[3:5] != b"\xff\xfe":
        return ""
    return (bytes((half[0] ^ 2,)) + half[1:3] + half[5:]).hex(":")


def _mac_of_duid(duid: bytes) -> str:
    kind, hardware = int.from_bytes(duid[:2], "big"), int.from_bytes(duid[2:4], "big")
    start = {_LINK_LAYER: 4, _LINK_LAYER_TIME: 8}.get(kind)
    if start is None or hardware != ETHERNET or len(duid) != start + 6:
        return ""
    return duid[start:].hex(":")


def reservation_of(client: Client, pool: Pool) -> Reservation | None:
    """Return what the pool keeps for this client."""
    return pool.by_duid.get(client.duid) or pool.by_mac.get(client.host)


@dataclass
class Choice:
    """Chooses identifiers for one message: ``taken`` are those that it has been promised already.

    ``empty`` maps pool to the moment until which it is known to be empty: nobody has it searched in vain
    again and again.
    """

    table: Table
    pool: Pool
    client: Client
    now_s: float
    empty: dict[str, float]
    taken: set[int] = field(default_factory=set)

    def choose(self, iaid: int, wishes: Iterable[int] = ()) -> int | None:
        """Return the identifier for an association, or None where nothing is left for this host."""
        found = self._choose(self.client.key(iaid), wishes)
        if found is not None:
            self.taken.add(found)
        return found

    def _choose(self, key: str, wishes: Iterable[int]) -> int | None:
        kept = reservation_of(self.client, self.pool)
        if kept is not None and self._free(kept.identifier, key):
            return kept.identifier
        former = self.table.of_client(self.pool.network, key)
        if former is not None and former.active(self.now_s) and self._usable(former.address, key):
            return former.address
        if self._full():
            return None
        if former is not None:
            wishes = (former.address, *wishes)
        return next((one for one in wishes if self._usable(one, key)), None) or self._search(key)

    def _full(self) -> bool:
        held = self.table.of_mac(self.pool.network, self.client.host, self.now_s)
        return len({lease.address for lease in held} | self.taken) >= self.pool.leases_per_mac

    def _usable(self, identifier: int, key: str) -> bool:
        pool = self.pool
        return pool.in_ranges(identifier) and identifier not in pool.reserved and self._free(identifier, key)

    def _free(self, identifier: int, key: str) -> bool:
        """Return whether no other association holds the identifier."""
        lease = self.table.at(self.pool.network, identifier)
        return identifier not in self.taken and (
            lease is None or lease.client == key or not lease.held(self.now_s)
        )

    def _search(self, key: str) -> int | None:
        """Return a free identifier, one that nobody ever had before one that has been given back longest.

        The search begins at a place that the client's name decides: it gets the same again although the
        leases were lost, and nobody finds the hosts of a network by counting (RFC 7707 section 4.1.3).
        """
        size = self.pool.size
        if not size or self.empty.get(self.pool.id, 0.0) > self.now_s:
            return None
        start = zlib.crc32(key.encode()) % size
        best: Lease | None = None
        for index in range(size):
            identifier = self.pool.identifier_at((start + index) % size)
            if not self._usable(identifier, key):
                continue
            lease = self.table.at(self.pool.network, identifier)
            if lease is None:
                return identifier
            if best is None or lease.end_s < best.end_s:
                best = lease
        if best is None:
            self.empty[self.pool.id] = self.now_s + LOOK_AGAIN_S
        return best.address if best is not None else None
