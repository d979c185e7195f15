# SPDX-License-Identifier: GPL-2.0-or-later
"""What the DHCP server process does for IPv6: batches in, leases to the disk, and only then the replies."""

from __future__ import annotations

import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv6Address
from typing import Any

from patronus.kernel.loop import Loop
from patronus.kernel.sockets import PKTINFO_V6
from patronus.network.dhcp.lease import Lease
from patronus.network.dhcp.leases import Leases, boottime_s, clock_offset_s
from patronus.network.dhcp.restoring import taken_over
from patronus.network.dhcp6.choice import mac_of_address
from patronus.network.dhcp6.codec import LARGEST, Kind, MalformedPacket, decode
from patronus.network.dhcp6.config import Config, Pool, write_identifier
from patronus.network.dhcp6.delegating import is_prefix, network_of, without_overlaps
from patronus.network.dhcp6.machine import Machine
from patronus.network.dhcp6.prefixes import IDENTIFIER, Part
from patronus.network.dhcp6.question import Outcome
from patronus.network.dhcp6.relay import AGENT_PORT, Agent, is_relayed, unwrap, wrap

log = logging.getLogger("patronus-dhcp")

BATCH = 256
CLIENT_PORT = 546
_LINK_LAYER_DUID = b"\x00\x03\x00\x01"
"""A DUID of an Ethernet address (RFC 8415 section 11.4)."""
_MULTICAST = 0xFF
_ANCILLARY = socket.CMSG_SPACE(PKTINFO_V6.size)
NAMES = {int(kind): kind.name.lower().replace("_", " ") for kind in Kind}


@dataclass(frozen=True)
class Port:
    """A device's socket, as patronusd passed it, and our DUID there, which is made from the device's MAC."""

    device: str
    duid: bytes
    datagrams: socket.socket

    @classmethod
    def of(cls, data: Mapping[str, Any], sockets: Sequence[socket.socket]) -> Port:
        """Return the port that patronusd describes. Raises KeyError, ValueError, TypeError, IndexError."""
        return cls(data["name"], _LINK_LAYER_DUID + bytes.fromhex(data["mac"]), sockets[data["datagrams"]])


@dataclass(frozen=True)
class _Arrival:
    data: bytes
    source: str
    to_all: bool


class Six:
    """Packets of IPv6 in, leases and replies out. ``publish`` sends an event to whoever watches."""

    def __init__(
        self, loop: Loop, leases: Leases, counters: Counter[str], publish: Callable[[dict[str, Any]], None]
    ) -> None:
        self._loop = loop
        self._leases = leases
        self._counters = counters
        self._publish = publish
        self._machine = Machine(Config(), leases.load(six=True))
        self._ports: list[Port] = []

    @property
    def leases(self) -> Iterable[Lease]:
        """Return all leases, ended ones included."""
        return self._machine.leases

    @property
    def devices(self) -> list[str]:
        """Return where it serves."""
        return [port.device for port in self._ports]

    def configure(self, config: Config, ports: Sequence[Port]) -> bool:
        """Go on with these; return whether the names of leases may be other ones now."""
        for port in self._ports:
            self._loop.forget(port.datagrams)
            port.datagrams.close()
        self._ports = list(ports)
        for port in ports:
            self._loop.on_readable(port.datagrams, partial(self._receive, port))
        changed = config != self._machine.config
        self._machine.configure(config)
        return changed and any(True for _ in self._machine.leases)

    def reload(self) -> None:
        """Go on from what is on the disk."""
        self._machine.reload(self._leases.load(six=True))

    def _receive(self, port: Port) -> None:
        now_s = boottime_s()
        answers: list[tuple[Outcome, tuple[str, int]]] = []
        for arrival in _arrivals(port.datagrams):
            outcome = self._handle(arrival, port, now_s)
            if outcome is not None:
                back = AGENT_PORT if is_relayed(arrival.data) else CLIENT_PORT
                answers.append((outcome, (arrival.source, back)))
        if self._store([lease for outcome, _ in answers for _, lease in outcome.changes]):
            for outcome, target in answers:
                self._reply(outcome, target, port)
            self.announce([change for outcome, _ in answers for change in outcome.changes], now_s)

    def _handle(self, arrival: _Arrival, port: Port, now_s: float) -> Outcome | None:
        """Return the outcome of a packet that has one, and count every packet."""
        relayed = is_relayed(arrival.data)
        try:
            passed = unwrap(arrival.data)
            packet = decode(passed.message)
        except MalformedPacket:
            self._counters["IPv6: malformed"] += 1
            return None
        self._counters[f"IPv6: {NAMES.get(packet.kind, 'unknown')}"] += 1
        self._counters["IPv6: passed on by a relay"] += relayed
        came_from = int(IPv6Address(arrival.source))
        agent = Agent(came_from, passed.link, passed.mac) if relayed else None
        source, to_all = (passed.host, True) if relayed else (came_from, arrival.to_all)
        outcome = self._machine.handle(
            packet, port.device, port.duid, source, now_s, to_all=to_all, agent=agent
        )
        if outcome.dropped is not None:
            self._counters[f"IPv6: dropped: {outcome.dropped.value}"] += 1
            return None
        return replace(outcome, reply=wrap(passed.hops, outcome.reply)) if relayed else outcome

    def _store(self, changes: Sequence[Lease]) -> bool:
        return self._leases.keep(changes, self._counters, "IPv6: not stored", self.reload)

    def acceptable(self, given: Sequence[Lease], now_s: float) -> list[Lease]:
        """Return which leases of a backup can be taken in. Raises ValueError for one that is none."""
        return without_overlaps(taken_over(given, self.leases, now_s), self.leases, now_s)

    def _reply(self, outcome: Outcome, target: tuple[str, int], port: Port) -> None:
        try:
            port.datagrams.sendto(outcome.reply, target)
            self._counters["IPv6: sent"] += 1
        except OSError as error:
            self._counters["IPv6: not sent"] += 1
            log.warning("%s: no reply sent: %s", port.device, error)

    def announce(self, changes: Iterable[tuple[str, Lease]], now_s: float) -> None:
        """Tell who watches what happened to each address of leases."""
        told = [
            {"action": action, "lease": entry}
            for action, lease in changes
            for entry in self.entries([lease], now_s)
        ]
        if told:
            self._publish({"kind": "changes", "changes": told})

    def entries(self, leases: Iterable[Lease], now_s: float) -> list[dict[str, Any]]:
        """Return the leases as JSON-ready data, one entry for each address or router's prefix of now."""
        wall_s = now_s + clock_offset_s()
        pools = self._pools()
        return [
            {**lease.as_data(now_s, wall_s), **place}
            for lease in sorted(leases, key=lambda lease: (lease.network, lease.address))
            for place in _places(lease, pools.get(lease.network))
        ]

    def _pools(self) -> dict[str, Pool]:
        """Return network → the pool whose leases are kept under it, of addresses and of prefixes."""
        pools = self._machine.config.pools
        giving = {network_of(pool.interface): pool for pool in pools if not pool.relays}
        return {**giving, **{pool.network: pool for pool in pools}}

    def remove(self, address: int, now_s: float) -> bool:
        """Forget the leases of an address; return whether there were any. Raises StorageError."""
        found = [lease for lease in self._machine.leases if self._is_of(lease, address)]
        for lease in found:
            self._leases.remove(lease)
            self._machine.forget(lease)
            self.announce([("removed", lease)], now_s)
        return bool(found)

    def _is_of(self, lease: Lease, address: int) -> bool:
        """Return whether the address is the lease's: in a prefix of its network, or without any.

        Of a router's prefix it is the first.
        """
        if is_prefix(lease):
            places = _places(lease, self._pools().get(lease.network))
            return any(place["address"].partition("/")[0] == write_identifier(address) for place in places)
        if address & IDENTIFIER != lease.address:
            return False
        pool = self._pools().get(lease.network)
        return address == lease.address or (pool is not None and pool.on_link(address))

    def status(self, now_s: float) -> list[dict[str, Any]]:
        """Return how full each pool is."""
        held = [lease for lease in self._machine.leases if lease.held(now_s)]
        return [
            {
                "id": pool.id,
                "size": pool.size,
                "used": sum(_in_pool(lease, pool) for lease in held),
                "routers": sum(
                    lease.network == network_of(pool.interface) and not pool.relays for lease in held
                ),
            }
            for pool in self._machine.config.pools
        ]


def _in_pool(lease: Lease, pool: Pool) -> bool:
    return lease.network == pool.network and pool.in_ranges(lease.address)


def _places(lease: Lease, pool: Pool | None) -> Iterator[dict[str, Any]]:
    """Yield what tells the entries of a lease apart: its address in each prefix that the network has.

    Where it has none, the address stands without one; a router's prefix is none then.
    """
    if is_prefix(lease):
        for prefix, source in pool.delegation.cut(Part.of(lease.address)) if pool and pool.delegation else ():
            yield {
                "network": str(source.network),
                "address": str(prefix),
                "mac": mac_of_address(int(IPv6Address(lease.mac))),
                "via": lease.mac,
                "subnet": Part.of(lease.address).subnet,
            }
        return
    mac = lease.mac if _is_mac(lease.mac) else ""
    for one in pool.prefixes if pool is not None else ():
        address = write_identifier(one.base | lease.address)
        yield {"network": str(one.network), "address": address, "mac": mac}
    if pool is None or not pool.prefixes:
        yield {"network": lease.network, "address": lease.text, "mac": mac}


def _is_mac(host: str) -> bool:
    return len(host) == 17 and "::" not in host


def _arrivals(sock: socket.socket) -> list[_Arrival]:
    """Return what waits on the socket, up to a batch; ff00::/8 is what all servers hear."""
    waiting: list[_Arrival] = []
    try:
        while len(waiting) < BATCH:
            data, ancillary, _, (source, *_) = sock.recvmsg(LARGEST + 1, _ANCILLARY)
            target = next((value for _, kind, value in ancillary if kind == socket.IPV6_PKTINFO), b"")
            waiting.append(_Arrival(data, source, target[:1] == bytes((_MULTICAST,))))
    except BlockingIOError:
        pass
    except OSError as error:
        log.warning("receiving: %s", error)
    return waiting
