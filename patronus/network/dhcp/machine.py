# SPDX-License-Identifier: GPL-2.0-or-later
"""The server's side of RFC 2131 section 4.3 as a pure machine: packet, leases and time in, outcome out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NamedTuple

from patronus.network.dhcp.address import Addresses
from patronus.network.dhcp.client import Asked, client_of, hostname_of, who_asks
from patronus.network.dhcp.codec import Code, Kind, Packet
from patronus.network.dhcp.config import Pool, ServerConfig
from patronus.network.dhcp.lease import Lease, State, Table, declined, released
from patronus.network.dhcp.reply import Reply, reply_to

DECLINE_TIME_S = 3600
"""How long an address stays out of use that a client found taken."""
SHORTEST_LEASE_S = 60


class Dropped(Enum):
    """Why a packet got no reply; each is counted."""

    NOT_A_REQUEST = "not a request"
    NO_POOL = "no pool for this network"
    UNKNOWN_RELAY = "no pool names this relay"
    POOL_EMPTY = "no address left"
    TOO_MANY = "the host holds all addresses that it may"
    OTHER_SERVER = "the client chose another server"
    UNKNOWN_CLIENT = "nothing known of this client"
    INCOMPLETE = "a field that this message needs is missing"


class Outcome(NamedTuple):
    """What to write and, once that is durable, what to send; ``dropped`` says why where it is nothing.

    ``unsure`` is an offer of an address that the client did not have: somebody may use it unknown to us.
    """

    reply: Reply | None = None
    change: Lease | None = None
    dropped: Dropped | None = None
    renewed: bool = False
    unsure: bool = False

    @property
    def action(self) -> str:
        """Return what happened to the lease: granted, renewed, released or declined."""
        if self.change is None or self.change.state is State.ACTIVE:
            return "renewed" if self.renewed else "granted"
        return self.change.state.value


class Machine:
    """The server's state: the leases, and the offers that have not been answered yet (memory only)."""

    def __init__(self, config: ServerConfig, table: Table) -> None:
        self.config = config
        self.table = table
        self._addresses = Addresses(table)
        self._handlers: Mapping[int, Callable[[Asked, list[Pool]], Outcome]] = {
            Kind.DISCOVER: self._discover,
            Kind.REQUEST: self._request,
            Kind.DECLINE: self._decline,
            Kind.RELEASE: self._release,
            Kind.INFORM: self._inform,
        }

    @property
    def offers(self) -> int:
        """Return how many offers are remembered."""
        return len(self._addresses)

    def configure(self, config: ServerConfig) -> None:
        """Go on with other pools; leases stay."""
        self.config = config
        self._addresses.reconsider()

    def reload(self, table: Table) -> None:
        """Go on with other leases: what could not be written must not be remembered."""
        self.table = table
        self._addresses = Addresses(table)

    def forget(self, lease: Lease) -> None:
        """Take a lease away from its client, who learns of it at its next renewal."""
        self.table.remove(lease)
        self._addresses.reconsider()

    def handle(self, packet: Packet, device: str, now_s: float) -> Outcome:
        """Return what comes of a packet that arrived on the device; the table already has the change."""
        handler = self._handlers.get(packet.number(Code.MESSAGE_TYPE, 1) or 0)
        if packet.op != 1 or handler is None:
            return Outcome(dropped=Dropped.NOT_A_REQUEST)
        pools = self._pools(packet, device)
        if not pools:
            return Outcome(dropped=Dropped.UNKNOWN_RELAY if packet.giaddr else Dropped.NO_POOL)
        outcome = handler(who_asks(packet, now_s), pools)
        if outcome.change is not None:
            self.table.put(outcome.change)
        return outcome

    def _pools(self, packet: Packet, device: str) -> list[Pool]:
        """Return the pools of the client's link: the relay's, else the device's (section 4.3.1).

        Anyone can write a relay's address into a packet: it counts on the device alone behind which the
        relay is, and the reply goes to the relay itself. A host behind a relay renews its lease without it
        (section 4.3.2), and only the lease that it has.
        """
        found = self.config.by_device.get(device)
        if found is None:
            return []
        if packet.giaddr:
            return found.behind.get(packet.giaddr, [])
        if not packet.ciaddr:
            return found.here
        return found.here + [pool for pool in found.remote if self._has(packet, pool)]

    def _has(self, packet: Packet, pool: Pool) -> bool:
        """Return whether the client has the very address in the pool that it sends from."""
        lease = self.table.of_client(pool.network, client_of(packet))
        return lease is not None and lease.address == packet.ciaddr

    def _discover(self, asked: Asked, pools: list[Pool]) -> Outcome:
        found = self._addresses.choose(asked, pools)
        if found is None:
            full = any(self._addresses.full(asked, pool) for pool in pools)
            return Outcome(dropped=Dropped.TOO_MANY if full else Dropped.POOL_EMPTY)
        pool, address = found
        self._addresses.offer(pool, address, asked)
        unsure = pool.probe and not pool.remote and self._is_news(asked, pool, address)
        reply = reply_to(asked.packet, Kind.OFFER, pool, address, _lease_time_s(asked.packet, pool))
        return Outcome(reply, unsure=unsure)

    def _is_news(self, asked: Asked, pool: Pool, address: int) -> bool:
        """Return whether the client did not have the address until now."""
        lease = self.table.at(pool.network, address)
        return lease is None or lease.client != asked.client

    def in_use(self, device: str, address: int, mac: bytes, now_s: float) -> Lease | None:
        """Keep an address from everyone that somebody was found using; return what to write.

        It counts as one of theirs, so that a host that answers for all addresses talks no pool empty: past
        what one may hold it is not believed.
        """
        here = (item for item in self.config.pools if item.device == device and not item.remote)
        pool = next((item for item in here if item.on_subnet(address)), None)
        if pool is None or len(self.table.of_mac(pool.network, mac.hex(":"), now_s)) >= pool.leases_per_mac:
            return None
        found = Lease(pool.network, "", address, mac.hex(":"), "", pool.interface, now_s, now_s)
        change = declined(found, now_s, DECLINE_TIME_S)
        self.table.put(change)
        self._addresses.retract(pool.network, address)
        return change

    def _request(self, asked: Asked, pools: list[Pool]) -> Outcome:
        """Tell the client's four states apart (section 4.3.2, table 4)."""
        packet = asked.packet
        server, requested = packet.address(Code.SERVER_ID), packet.address(Code.REQUESTED_ADDRESS)
        if server is not None:
            return self._selecting(asked, pools, server)
        if packet.ciaddr:
            return self._grant(asked, pools, packet.ciaddr)
        if requested is None:
            return Outcome(dropped=Dropped.INCOMPLETE)
        return self._init_reboot(asked, pools, requested)

    def _selecting(self, asked: Asked, pools: list[Pool], server: int) -> Outcome:
        if all(pool.server != server for pool in pools):
            self._addresses.withdraw(pools, asked.client)
            return Outcome(dropped=Dropped.OTHER_SERVER)
        requested = asked.packet.address(Code.REQUESTED_ADDRESS)
        if requested is None:
            return Outcome(dropped=Dropped.INCOMPLETE)
        return self._grant(asked, pools, requested)

    def _init_reboot(self, asked: Asked, pools: list[Pool], requested: int) -> Outcome:
        pool = next((pool for pool in pools if pool.on_subnet(requested)), None)
        if pool is None:
            return Outcome(reply_to(asked.packet, Kind.NAK, pools[0]))
        known = self._addresses.reservation(asked, pool) or self.table.of_client(pool.network, asked.client)
        if known is None:
            return Outcome(dropped=Dropped.UNKNOWN_CLIENT)
        if known.address != requested:
            return Outcome(reply_to(asked.packet, Kind.NAK, pool))
        return self._grant(asked, pools, requested)

    def _grant(self, asked: Asked, pools: list[Pool], address: int) -> Outcome:
        """Give or prolong the lease of the address where this client may have it, else refuse it."""
        pool = self._addresses.pool_for(asked, pools, address)
        if pool is None:
            return Outcome(reply_to(asked.packet, Kind.NAK, pools[0]))
        time_s = _lease_time_s(asked.packet, pool)
        lease = self._lease(asked, pool, address, time_s)
        self._addresses.withdraw([pool], lease.client)
        reply = reply_to(asked.packet, Kind.ACK, pool, address, time_s)
        return Outcome(reply, lease, renewed=lease.start_s < asked.now_s)

    def _lease(self, asked: Asked, pool: Pool, address: int, time_s: int) -> Lease:
        former = self.table.of_client(pool.network, asked.client)
        prolonged = former is not None and former.address == address and former.active(asked.now_s)
        reservation = self._addresses.reservation(asked, pool)
        return Lease(
            network=pool.network,
            client=asked.client,
            address=address,
            mac=asked.mac,
            hostname=(reservation.hostname if reservation else "") or hostname_of(asked.packet),
            interface=pool.interface,
            start_s=former.start_s if former is not None and prolonged else asked.now_s,
            end_s=asked.now_s + time_s,
        )

    def _decline(self, asked: Asked, pools: list[Pool]) -> Outcome:
        """Keep an address from everyone: its client found somebody using it (section 4.3.3)."""
        address = asked.packet.address(Code.REQUESTED_ADDRESS)
        lease = self._own_lease(asked, pools, address)
        if lease is None:
            return Outcome(dropped=Dropped.UNKNOWN_CLIENT)
        self._addresses.reconsider()
        return Outcome(change=declined(lease, asked.now_s, DECLINE_TIME_S))

    def _release(self, asked: Asked, pools: list[Pool]) -> Outcome:
        """Take an address back (section 4.3.4); the client gets the same one when it returns."""
        lease = self._own_lease(asked, pools, asked.packet.ciaddr)
        if lease is None or not lease.active(asked.now_s):
            return Outcome(dropped=Dropped.UNKNOWN_CLIENT)
        self._addresses.reconsider()
        return Outcome(change=released(lease, asked.now_s))

    def _own_lease(self, asked: Asked, pools: list[Pool], address: int | None) -> Lease | None:
        """Return the client's lease of that very address, if the message is meant for this server."""
        server = asked.packet.address(Code.SERVER_ID)
        for pool in pools:
            lease = self.table.of_client(pool.network, asked.client)
            if lease is not None and lease.address == address and server in {None, pool.server}:
                return lease
        return None

    def _inform(self, asked: Asked, pools: list[Pool]) -> Outcome:
        """Give the options alone to a host that has its address from elsewhere (section 4.3.5)."""
        pool = next((pool for pool in pools if pool.on_subnet(asked.packet.ciaddr)), None)
        if pool is None:
            return Outcome(dropped=Dropped.NO_POOL)
        return Outcome(reply_to(asked.packet, Kind.ACK, pool))


def _lease_time_s(packet: Packet, pool: Pool) -> int:
    wanted = packet.number(Code.LEASE_TIME, 4)
    return pool.lease_time_s if wanted is None else min(max(wanted, SHORTEST_LEASE_S), pool.lease_time_s)
