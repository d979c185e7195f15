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
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import peewee

from patronus.core.errors import InvalidRequest, NotFound, StorageError
from patronus.kernel.endpoint import Endpoint, arguments
from patronus.kernel.heartbeat import keep_beating
from patronus.kernel.loop import Loop
from patronus.kernel.notify import notify
from patronus.kernel.sockets import IP_PKTINFO, PKTINFO_V4
from patronus.network.dhcp.arp import holder, probe
from patronus.network.dhcp.codec import Code, Kind, MalformedPacket, Packet, decode
from patronus.network.dhcp.config import CONTROL_INTERFACE, ServerConfig, write_address
from patronus.network.dhcp.frame import CLIENT_PORT, SERVER_PORT, frame
from patronus.network.dhcp.lease import Lease
from patronus.network.dhcp.lease import from_data as lease_from_data
from patronus.network.dhcp.leases import Leases, boottime_s, clock_offset_s, database
from patronus.network.dhcp.machine import Machine, Outcome
from patronus.network.dhcp.probes import AGAIN, Probes, Waiting
from patronus.network.dhcp.reply import Reply, Way
from patronus.network.dhcp.restoring import taken_over
from patronus.network.dhcp6.server import Port as Port6
from patronus.network.dhcp6.server import Six

log = logging.getLogger("patronus-dhcp")

BATCH = 256
"""Packets that share one transaction at most: a full socket buffer of them."""
LARGEST = 4096
SWEEP_S = 5.0
NAMES = {int(kind): kind.name.lower() for kind in Kind}


@dataclass(frozen=True)
class Port:
    """A device's sockets, as patronusd passed them, and the hardware address that we send from."""

    device: str
    mac: bytes
    datagrams: socket.socket
    frames: socket.socket
    arp: socket.socket

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
        """Close the sockets."""
        for sock in (self.datagrams, self.frames, self.arp):
            sock.close()


class Server:
    """Packets in, leases and replies out; commands and events over the control channel."""

    def __init__(self, loop: Loop, leases: Leases, control: Path, peer: int) -> None:
        self._loop = loop
        self._leases = leases
        self._machine = Machine(ServerConfig(), leases.load())
        self._ports: list[Port] = []
        self._counters: Counter[str] = Counter()
        self._probes = Probes(loop.call_later)
        self._swept_s = boottime_s()
        handlers = {
            "Configure": self._configure,
            "ListLeases": self._list_leases,
            "RemoveLease": self._remove_lease,
            "ImportLeases": self._import_leases,
            "ExportLeases": self._export_leases,
            "Status": self._status,
        }
        self._endpoint = Endpoint(
            loop, control, peer=peer, interface=CONTROL_INTERFACE, handlers=handlers, snapshot=self._snapshot
        )
        self._six = Six(loop, leases, self._counters, self._endpoint.publish)
        loop.failed = self._failed
        loop.call_later(SWEEP_S, self._sweep)

    def _failed(self, error: Exception) -> None:
        """Count a fault of ours, say where it lies, and go on from what is on the disk."""
        self._counters["failed"] += 1
        log.error("a callback failed, and the server goes on", exc_info=error)
        self._reload()
        self._six.reload()

    def _configure(self, parameters: dict[str, Any], descriptors: tuple[int, ...]) -> dict[str, Any]:
        """Take the configuration and the sockets of its devices in the place of what there was."""
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        try:
            config = ServerConfig.from_data(parameters["config"])
            ports = [_port(item, sockets) for item in parameters["devices"]]
            ports6 = [Port6.of(item, sockets) for item in parameters["devices6"]]
        except (KeyError, ValueError, TypeError, IndexError) as error:
            for sock in sockets:
                sock.close()
            raise InvalidRequest(f"not a configuration: {error!r}") from error
        self._probes.clear()
        for port in self._ports:
            self._loop.forget(port.datagrams)
            self._loop.forget(port.arp)
            port.close()
        self._ports = ports
        self._machine.configure(config)
        for port in ports:
            self._loop.on_readable(port.datagrams, partial(self._receive, port))
            self._loop.on_readable(port.arp, partial(self._hear, port))
        if self._six.configure(config.six, ports6):
            for event in self._snapshot():
                self._endpoint.publish(event)
        pools = len(config.pools) + len(config.six.pools)
        log.info(
            "serving %d pools on %d devices",
            pools,
            len({*self._six.devices, *(port.device for port in ports)}),
        )
        return {}

    def _receive(self, port: Port) -> None:
        packets = [packet for data in _waiting(port.datagrams) if (packet := self._read(data)) is not None]
        self._serve(port, packets, AGAIN)

    def _read(self, data: bytes) -> Packet | None:
        """Return the packet, and count every one."""
        try:
            packet = decode(data)
        except MalformedPacket:
            self._counters["malformed"] += 1
            return None
        self._counters[NAMES.get(packet.number(Code.MESSAGE_TYPE, 1) or 0, "unknown")] += 1
        return packet

    def _serve(self, port: Port, packets: Sequence[Packet], tries: int) -> None:
        """Decide, write, and then send; ``tries`` is how many addresses an offer may still go through."""
        now_s = boottime_s()
        outcomes = []
        for packet in packets:
            outcome = self._machine.handle(packet, port.device, now_s)
            if outcome.dropped is not None:
                self._counters[f"dropped: {outcome.dropped.value}"] += 1
            else:
                outcomes.append((packet, outcome))
        if outcomes and self._store([item.change for _, item in outcomes if item.change is not None]):
            for packet, outcome in outcomes:
                if not (outcome.unsure and tries and self._probe(port, packet, outcome, tries)):
                    self._finish(outcome, port, now_s)

    def _probe(self, port: Port, packet: Packet, outcome: Outcome, tries: int) -> bool:
        """Ask whether somebody uses the address, and offer it if nobody says so; False: offer it at once."""
        if outcome.reply is None:
            return False
        address = outcome.reply.packet.yiaddr
        offer = Waiting(
            packet.hardware,
            give=lambda: self._finish(outcome, port, boottime_s()),
            again=lambda: self._serve(port, [packet], tries - 1),
        )
        if not self._probes.begin(port.device, address, offer):
            return False
        try:
            port.frames.send(probe(port.mac, address))
        except OSError:
            self._probes.end(port.device, address)
            return False
        return True

    def _hear(self, port: Port) -> None:
        """Take in who says that an address is theirs; whom it was to be offered gets another."""
        for data in _waiting(port.arp):
            found = holder(data)
            offer = self._probes.heard(port.device, *found) if found is not None else None
            if found is None or offer is None:
                continue
            address, mac = found
            now_s = boottime_s()
            change = self._machine.in_use(port.device, address, mac, now_s)
            if change is not None and self._store([change]):
                self._counters["found in use"] += 1
                log.warning("%s: %s is used by %s", port.device, write_address(address), mac.hex(":"))
                self._probes.end(port.device, address)
                self._announce(change.state.value, change, now_s)
                offer.again()

    def _store(self, changes: Sequence[Lease]) -> bool:
        return self._leases.keep(changes, self._counters, "not stored", self._reload)

    def _reload(self) -> None:
        """Go on from what is on the disk."""
        self._machine.reload(self._leases.load())

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
        active6 = [lease for lease in self._six.leases if lease.active(now_s)]
        return [{"kind": "leases", "leases": self._as_data(active) + self._six.entries(active6, now_s)}]

    def _as_data(self, leases: Sequence[Lease]) -> list[dict[str, Any]]:
        now_s = boottime_s()
        wall_s = now_s + clock_offset_s()
        return [lease.as_data(now_s, wall_s) for lease in sorted(leases, key=lambda lease: lease.address)]

    def _list_leases(self, parameters: dict[str, Any], _: tuple[int, ...]) -> dict[str, Any]:
        now_s = boottime_s()
        everything = bool(parameters.get("all", False))
        found = [lease for lease in self._machine.table if everything or lease.held(now_s)]
        found6 = [lease for lease in self._six.leases if everything or lease.held(now_s)]
        return {"leases": self._as_data(found) + self._six.entries(found6, now_s)}

    def _remove_lease(self, parameters: dict[str, Any], _: tuple[int, ...]) -> dict[str, Any]:
        try:
            given = ip_address(parameters["address"])
        except (KeyError, ValueError) as error:
            raise InvalidRequest("address: an address") from error
        if given.version == 6:
            if not self._six.remove(int(given), boottime_s()):
                raise NotFound(f"no lease of {given}")
            return {}
        address = int(given)
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
            news6 = self._six.acceptable([lease for lease in given if lease.six], now_s)
        except (KeyError, ValueError, TypeError) as error:
            raise InvalidRequest(f"not leases: {error!r}") from error
        news = taken_over((lease for lease in given if not lease.six), self._machine.table, now_s)
        self._leases.write([*news, *news6])
        self._reload()
        self._six.reload()
        for lease in news:
            self._announce("granted", lease, now_s)
        for lease in news6:
            self._six.announce("granted", lease, now_s)
        return {"imported": len(news) + len(news6)}

    def _export_leases(self, _: dict[str, Any], __: tuple[int, ...]) -> dict[str, Any]:
        """Return the leases that have not ended as they are kept: those of IPv6 without their prefixes."""
        now_s = boottime_s()
        wall_s = now_s + clock_offset_s()
        found = [lease for lease in (*self._machine.table, *self._six.leases) if lease.held(now_s)]
        return {"leases": [lease.as_data(now_s, wall_s) for lease in found]}

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
            "pools": pools + self._six.status(now_s),
            "counters": dict(self._counters),
            "devices": [port.device for port in self._ports],
            "devices6": self._six.devices,
        }

    def _sweep(self) -> None:
        """Announce the leases that ended since the last time, and follow the wall clock if it was set."""
        now_s = boottime_s()
        for lease in self._machine.table:
            if self._swept_s < lease.end_s <= now_s and lease.active(self._swept_s):
                self._announce("expired", lease, now_s)
        for lease in self._six.leases:
            if self._swept_s < lease.end_s <= now_s and lease.active(self._swept_s):
                self._six.announce("expired", lease, now_s)
        self._swept_s = now_s
        try:
            if self._leases.follow_clock([*self._machine.table, *self._six.leases]):
                log.info("the wall clock was set; the leases' ends follow it")
        except StorageError as error:
            log.error("%s", error)
        self._loop.call_later(SWEEP_S, self._sweep)


def _port(data: Mapping[str, Any], sockets: Sequence[socket.socket]) -> Port:
    at = data["sockets"]
    return Port(data["name"], bytes.fromhex(data["mac"]), sockets[at], sockets[at + 1], sockets[at + 2])


def _waiting(sock: socket.socket) -> list[bytes]:
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
        leases.load(six=True)
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
