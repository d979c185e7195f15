# SPDX-License-Identifier: GPL-2.0-or-later
"""The server's side of RFC 2131 section 4.3 as a pure machine: packet, leases and time in, outcome out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from patronus.network.dhcp.address import Addresses
from patronus.network.dhcp.client import client_of, hostname_of, mac_of
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


@dataclass(frozen=True)
class Outcome:
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
        self._handlers: Mapping[int, Callable[[Packet, list[Pool], float], Outcome]] = {
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
        outcome = handler(packet, pools, now_s)
        if outcome.change is not None:
            self.table.put(outcome.change)
        return outcome

    def _pools(self, packet: Packet, device: str) -> list[Pool]:
        """Return the pools of the client's link: the relay's, else the device's (section 4.3.1).

        Anyone can write a relay's address into a packet: it counts on the device alone behind which the
        relay is, and the reply goes to the relay itself. A host behind a relay renews its lease without it
        (section 4.3.2), and only the lease that it has.
        """
        here = [pool for pool in self.config.pools if pool.device == device]
        if packet.giaddr:
            return [pool for pool in here if packet.giaddr in pool.relays]
        own = [pool for pool in here if not pool.remote]
        if not packet.ciaddr:
            return own
        return own + [pool for pool in here if pool.remote and self._has(packet, pool)]

    def _has(self, packet: Packet, pool: Pool) -> bool:
        """Return whether the client has the very address in the pool that it sends from."""
        lease = self.table.of_client(pool.network, client_of(packet))
        return lease is not None and lease.address == packet.ciaddr

    def _discover(self, packet: Packet, pools: list[Pool], now_s: float) -> Outcome:
        found = self._addresses.choose(packet, pools, now_s)
        if found is None:
            full = any(self._addresses.full(packet, pool, now_s) for pool in pools)
            return Outcome(dropped=Dropped.TOO_MANY if full else Dropped.POOL_EMPTY)
        pool, address = found
        self._addresses.offer(pool, address, packet, now_s)
        lease = self.table.at(pool.network, address)
        unsure = pool.probe and not pool.remote and (lease is None or lease.client != client_of(packet))
        reply = reply_to(packet, Kind.OFFER, pool, address, _lease_time_s(packet, pool))
        return Outcome(reply, unsure=unsure)

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

    def _request(self, packet: Packet, pools: list[Pool], now_s: float) -> Outcome:
        """Tell the client's four states apart (section 4.3.2, table 4)."""
        server, requested = packet.address(Code.SERVER_ID), packet.address(Code.REQUESTED_ADDRESS)
        if server is not None:
            return self._selecting(packet, pools, now_s, server)
        if packet.ciaddr:
            return self._grant(packet, pools, now_s, packet.ciaddr)
        if requested is None:
            return Outcome(dropped=Dropped.INCOMPLETE)
        return self._init_reboot(packet, pools, now_s, requested)

    def _selecting(self, packet: Packet, pools: list[Pool], now_s: float, server: int) -> Outcome:
        if all(pool.server != server for pool in pools):
            self._addresses.withdraw(pools, client_of(packet))
            return Outcome(dropped=Dropped.OTHER_SERVER)
        requested = packet.address(Code.REQUESTED_ADDRESS)
        if requested is None:
            return Outcome(dropped=Dropped.INCOMPLETE)
        return self._grant(packet, pools, now_s, requested)

    def _init_reboot(self, packet: Packet, pools: list[Pool], now_s: float, requested: int) -> Outcome:
        pool = next((pool for pool in pools if pool.on_subnet(requested)), None)
        if pool is None:
            return Outcome(reply_to(packet, Kind.NAK, pools[0]))
        known = self._addresses.reservation(packet, pool) or self.table.of_client(
            pool.network, client_of(packet)
        )
        if known is None:
            return Outcome(dropped=Dropped.UNKNOWN_CLIENT)
        if known.address != requested:
            return Outcome(reply_to(packet, Kind.NAK, pool))
        return self._grant(packet, pools, now_s, requested)

    def _grant(self, packet: Packet, pools: list[Pool], now_s: float, address: int) -> Outcome:
        """Give or prolong the lease of the address where this client may have it, else refuse it."""
        pool = self._addresses.pool_for(packet, pools, address, now_s)
        if pool is None:
            return Outcome(reply_to(packet, Kind.NAK, pools[0]))
        time_s = _lease_time_s(packet, pool)
        lease = self._lease(packet, pool, address, now_s, time_s)
        self._addresses.withdraw([pool], lease.client)
        return Outcome(
            reply_to(packet, Kind.ACK, pool, address, time_s), lease, renewed=lease.start_s < now_s
        )

    def _lease(self, packet: Packet, pool: Pool, address: int, now_s: float, time_s: int) -> Lease:
        client = client_of(packet)
        former = self.table.of_client(pool.network, client)
        prolonged = former is not None and former.address == address and former.active(now_s)
        reservation = self._addresses.reservation(packet, pool)
        return Lease(
            network=pool.network,
            client=client,
            address=address,
            mac=mac_of(packet),
            hostname=reservation.hostname if reservation and reservation.hostname else hostname_of(packet),
            interface=pool.interface,
            start_s=former.start_s if former is not None and prolonged else now_s,
            end_s=now_s + time_s,
        )

    def _decline(self, packet: Packet, pools: list[Pool], now_s: float) -> Outcome:
        """Keep an address from everyone: its client found somebody using it (section 4.3.3)."""
        address = packet.address(Code.REQUESTED_ADDRESS)
        lease = self._own_lease(packet, pools, address)
        if lease is None:
            return Outcome(dropped=Dropped.UNKNOWN_CLIENT)
        self._addresses.reconsider()
        return Outcome(change=declined(lease, now_s, DECLINE_TIME_S))

    def _release(self, packet: Packet, pools: list[Pool], now_s: float) -> Outcome:
        """Take an address back (section 4.3.4); the client gets the same one when it returns."""
        lease = self._own_lease(packet, pools, packet.ciaddr)
        if lease is None or not lease.active(now_s):
            return Outcome(dropped=Dropped.UNKNOWN_CLIENT)
        self._addresses.reconsider()
        return Outcome(change=released(lease, now_s))

    def _own_lease(self, packet: Packet, pools: list[Pool], address: int | None) -> Lease | None:
        """Return the client's lease of that very address, if the message is meant for this server."""
        server = packet.address(Code.SERVER_ID)
        for pool in pools:
            lease = self.table.of_client(pool.network, client_of(packet))
            if lease is not None and lease.address == address and server in {None, pool.server}:
                return lease
        return None

    def _inform(self, packet: Packet, pools: list[Pool], now_s: float) -> Outcome:  # noqa: ARG002
        """Give the options alone to a host that has its address from elsewhere (section 4.3.5)."""
        pool = next((pool for pool in pools if pool.on_subnet(packet.ciaddr)), None)
        if pool is None:
            return Outcome(dropped=Dropped.NO_POOL)
        return Outcome(reply_to(packet, Kind.ACK, pool))


def _lease_time_s(packet: Packet, pool: Pool) -> int:
    wanted = packet.number(Code.LEASE_TIME, 4)
    return pool.lease_time_s if wanted is None else min(max(wanted, SHORTEST_LEASE_S), pool.lease_time_s)
