# SPDX-License-Identifier: GPL-2.0-or-later
"""The DHCP server process: ``python3 -m patronus.network.dhcp.server``. Holds no capability, opens no port.

It reads a batch of packets, lets the machine decide, writes all leases of the batch in one transaction, and
only then sends the replies: an ACK that a client has seen is on disk.
"""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import peewee

from patronus.core.errors import InvalidRequest, NotFound, StorageError
from patronus.kernel.endpoint import Endpoint, arguments
from patronus.kernel.heartbeat import keep_beating
from patronus.kernel.loop import Loop
from patronus.kernel.notify import notify
from patronus.kernel.sockets import IP_PKTINFO, PKTINFO_V4
from patronus.network.dhcp.codec import Code, Kind, MalformedPacket, decode
from patronus.network.dhcp.config import CONTROL_INTERFACE, ServerConfig, read_address, write_address
from patronus.network.dhcp.frame import CLIENT_PORT, SERVER_PORT, frame
from patronus.network.dhcp.lease import Lease, Table
from patronus.network.dhcp.lease import from_data as lease_from_data
from patronus.network.dhcp.leases import Leases, boottime_s, clock_offset_s, database
from patronus.network.dhcp.machine import Machine, Outcome
from patronus.network.dhcp.reply import Reply, Way

log = logging.getLogger("patronus-dhcp")

BATCH = 256
"""Packets that share one transaction at most: a full socket buffer of them."""
LARGEST = 4096
SWEEP_S = 5.0
NAMES = {int(kind): kind.name.lower() for kind in Kind}


@dataclass(frozen=True)
class Port:
    """A device's two sockets, as patronusd passed them, and the hardware address that we send from."""

    device: str
    mac: bytes
    datagrams: socket.socket
    frames: socket.socket

    def send(self, reply: Reply) -> None:
        """Send the reply its way. Raises OSError."""
        data = reply.bytes()
        if reply.way is Way.LINK:
            self.frames.send(frame(self.mac, reply.packet.hardware, reply.server, reply.address, data))
            return
        port = SERVER_PORT if reply.way is Way.RELAY else CLIENT_PORT
        source = PKTINFO_V4.pack(0, reply.server.to_bytes(4), bytes(4))
        ancillary = [(socket.IPPROTO_IP, IP_PKTINFO, source)]
        self.datagrams.sendmsg([data], ancillary, 0, (write_address(reply.address), port))

    def close(self) -> None:
        """Close both sockets."""
        self.datagrams.close()
        self.frames.close()


class Server:
    """Packets in, leases and replies out; commands and events over the control channel."""

    def __init__(self, loop: Loop, leases: Leases, control: Path, peer: int) -> None:
        self._loop = loop
        self._leases = leases
        self._machine = Machine(ServerConfig(), leases.load())
        self._ports: list[Port] = []
        self._counters: Counter[str] = Counter()
        self._swept_s = boottime_s()
        handlers = {
            "Configure": self._configure,
            "ListLeases": self._list_leases,
            "RemoveLease": self._remove_lease,
            "ImportLeases": self._import_leases,
            "Status": self._status,
        }
        self._endpoint = Endpoint(
            loop, control, peer=peer, interface=CONTROL_INTERFACE, handlers=handlers, snapshot=self._snapshot
        )
        loop.failed = self._failed
        loop.call_later(SWEEP_S, self._sweep)

    def _failed(self, error: Exception) -> None:
        """Count a fault of ours, say where it lies, and go on from what is on the disk."""
        self._counters["failed"] += 1
        log.error("a callback failed, and the server goes on", exc_info=error)
        self._machine.reload(self._leases.load())

    def _configure(self, parameters: dict[str, Any], descriptors: tuple[int, ...]) -> dict[str, Any]:
        """Take the configuration and the sockets of its devices in the place of what there was."""
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        try:
            config = ServerConfig.from_data(parameters["config"])
            ports = [_port(item, sockets) for item in parameters["devices"]]
        except (KeyError, ValueError, TypeError, IndexError) as error:
            for sock in sockets:
                sock.close()
            raise InvalidRequest(f"not a configuration: {error!r}") from error
        for port in self._ports:
            self._loop.forget(port.datagrams)
            port.close()
        self._ports = ports
        self._machine.configure(config)
        for port in ports:
            self._loop.on_readable(port.datagrams, partial(self._receive, port))
        log.info("serving %d pools on %d devices", len(config.pools), len(ports))
        return {}

    def _receive(self, port: Port) -> None:
        now_s = boottime_s()
        outcomes = []
        for data in _datagrams(port.datagrams):
            outcome = self._handle(data, port, now_s)
            if outcome is not None:
                outcomes.append(outcome)
        if outcomes and self._store([item.change for item in outcomes if item.change is not None]):
            for outcome in outcomes:
                self._finish(outcome, port, now_s)

    def _handle(self, data: bytes, port: Port, now_s: float) -> Outcome | None:
        """Return the outcome of a packet that has one, and count every packet."""
        try:
            packet = decode(data)
        except MalformedPacket:
            self._counters["malformed"] += 1
            return None
        self._counters[NAMES.get(packet.number(Code.MESSAGE_TYPE, 1) or 0, "unknown")] += 1
        outcome = self._machine.handle(packet, port.device, now_s)
        if outcome.dropped is not None:
            self._counters[f"dropped: {outcome.dropped.value}"] += 1
            return None
        return outcome

    def _store(self, changes: Sequence[Lease]) -> bool:
        """Make the leases durable; where that fails, forget them and say so: nobody gets an ACK."""
        try:
            if changes:
                self._leases.write(changes)
        except StorageError as error:
            log.error("%s", error)
            self._counters["not stored"] += len(changes)
            self._machine.reload(self._leases.load())
            return False
        return True

    def _finish(self, outcome: Outcome, port: Port, now_s: float) -> None:
        if outcome.reply is not None:
            try:
                port.send(outcome.reply)
                self._counters["sent"] += 1
            except OSError as error:
                self._counters["not sent"] += 1
                log.warning("%s: no reply sent: %s", port.device, error)
        if outcome.change is not None:
            self._announce(outcome.action, outcome.change, now_s)

    def _announce(self, action: str, lease: Lease, now_s: float) -> None:
        data = lease.as_data(now_s, now_s + clock_offset_s())
        self._endpoint.publish({"kind": "lease", "action": action, "lease": data})

    def _snapshot(self) -> list[dict[str, Any]]:
        now_s = boottime_s()
        active = [lease for lease in self._machine.table if lease.active(now_s)]
        return [{"kind": "leases", "leases": self._as_data(active)}]

    def _as_data(self, leases: Sequence[Lease]) -> list[dict[str, Any]]:
        now_s = boottime_s()
        wall_s = now_s + clock_offset_s()
        return [lease.as_data(now_s, wall_s) for lease in sorted(leases, key=lambda lease: lease.address)]

    def _list_leases(self, parameters: dict[str, Any], _: tuple[int, ...]) -> dict[str, Any]:
        now_s = boottime_s()
        everything = bool(parameters.get("all", False))
        return {
            "leases": self._as_data(
                [lease for lease in self._machine.table if everything or lease.held(now_s)]
            )
        }

    def _remove_lease(self, parameters: dict[str, Any], _: tuple[int, ...]) -> dict[str, Any]:
        try:
            address = read_address(parameters["address"])
        except (KeyError, ValueError) as error:
            raise InvalidRequest("address: an IPv4 address") from error
        found = [lease for lease in self._machine.table if lease.address == address]
        if not found:
            raise NotFound(f"no lease of {write_address(address)}")
        for lease in found:
            self._leases.remove(lease)
            self._machine.forget(lease)
            self._announce("removed", lease, boottime_s())
        return {}

    def _import_leases(self, parameters: dict[str, Any], _: tuple[int, ...]) -> dict[str, Any]:
        """Take leases over from a backup, but none whose client or address has one here."""
        now_s = boottime_s()
        wall_s = now_s + clock_offset_s()
        try:
            given = [lease_from_data(item, now_s, wall_s) for item in parameters["leases"]]
        except (KeyError, ValueError, TypeError) as error:
            raise InvalidRequest(f"not leases: {error!r}") from error
        taken = Table(lease for lease in self._machine.table if lease.held(now_s))
        news = []
        for lease in given:
            known = taken.of_client(lease.network, lease.client) or taken.at(lease.network, lease.address)
            if lease.active(now_s) and known is None:
                taken.put(lease)
                news.append(lease)
        self._leases.write(news)
        self._machine.reload(self._leases.load())
        for lease in news:
            self._announce("granted", lease, now_s)
        return {"imported": len(news)}

    def _status(self, _: dict[str, Any], __: tuple[int, ...]) -> dict[str, Any]:
        now_s = boottime_s()
        held = [lease for lease in self._machine.table if lease.held(now_s)]
        pools = [
            {
                "id": pool.id,
                "size": pool.size,
                "used": sum(
                    lease.network == pool.network and pool.in_ranges(lease.address) for lease in held
                ),
            }
            for pool in self._machine.config.pools
        ]
        return {
            "pools": pools,
            "counters": dict(self._counters),
            "devices": [port.device for port in self._ports],
        }

    def _sweep(self) -> None:
        """Announce the leases that ended since the last time, and follow the wall clock if it was set."""
        now_s = boottime_s()
        for lease in self._machine.table:
            if self._swept_s < lease.end_s <= now_s and lease.active(self._swept_s):
                self._announce("expired", lease, now_s)
        self._swept_s = now_s
        try:
            if self._leases.follow_clock(self._machine.table):
                log.info("the wall clock was set; the leases' ends follow it")
        except StorageError as error:
            log.error("%s", error)
        self._loop.call_later(SWEEP_S, self._sweep)


def _port(data: Mapping[str, Any], sockets: Sequence[socket.socket]) -> Port:
    return Port(data["name"], bytes.fromhex(data["mac"]), sockets[data["datagrams"]], sockets[data["frames"]])


def _datagrams(sock: socket.socket) -> list[bytes]:
    """Return what waits on the socket, up to a batch."""
    waiting: list[bytes] = []
    try:
        while len(waiting) < BATCH:
            waiting.append(sock.recv(LARGEST))
    except BlockingIOError:
        pass
    except OSError as error:
        log.warning("receiving: %s", error)
    return waiting


def open_leases(path: Path, boot_id: str) -> Leases:
    """Open the leases; a file that will never be read again makes way loudly, as no address is worse.

    Raises StorageError where the disk itself refuses: the next start may find it well.
    """
    try:
        leases = Leases(path, boot_id)
        leases.load()
    except StorageError as error:
        if isinstance(error.__cause__, peewee.OperationalError | sqlite3.OperationalError):
            raise
        aside = path.with_name(f"{path.name}.unread")
        log.critical("%s; it is set aside as %s, and all leases are forgotten", error, aside.name)
        database.close()
        path.replace(aside)
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
        return Leases(path, boot_id)
    return leases


def main() -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    told = arguments("patronus-dhcp")
    loop = Loop()
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    leases = open_leases(told.state / "dhcp-leases.db", boot_id)
    Server(loop, leases, told.control, told.peer)
    notify("READY=1")
    keep_beating(loop)
    loop.run()
    leases.close()


if __name__ == "__main__":
    os.umask(0o077)
    main()
