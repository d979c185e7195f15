# SPDX-License-Identifier: GPL-2.0-or-later
"""The DHCP server process: ``python3 -m patronus.network.dhcp.server``. Holds no capability, opens no port.

It reads a batch of packets, lets the machine decide, writes all leases of the batch in one transaction, and
only then sends the replies: an ACK that a client has seen is on disk.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import sqlite3
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import peewee

from patronus.core.errors import InvalidRequest, StorageError
from patronus.kernel.endpoint import Endpoint, arguments
from patronus.kernel.heartbeat import keep_beating
from patronus.kernel.loop import Loop
from patronus.kernel.notify import notify
from patronus.network.dhcp.arp import holder, probe
from patronus.network.dhcp.codec import Code, Kind, MalformedPacket, Packet, decode
from patronus.network.dhcp.config import CONTROL_INTERFACE, ServerConfig, write_address
from patronus.network.dhcp.lease import Lease
from patronus.network.dhcp.leases import Leases, boottime_s, database
from patronus.network.dhcp.ledger import Ledger
from patronus.network.dhcp.machine import Machine, Outcome
from patronus.network.dhcp.port import BATCH, Port, waiting
from patronus.network.dhcp.probes import AGAIN, Probes, Waiting
from patronus.network.dhcp6.server import Port as Port6
from patronus.network.dhcp6.server import Six

log = logging.getLogger("patronus-dhcp")

SWEEP_S = 5.0
GATHER_S = 0.004
"""How long a device is left alone after a turn: a transaction costs the same for one lease and for many."""
GARBAGE = (20_000, 20, 20)
"""Objects after which the collector looks for cycles: leases, tens of thousands, are in none."""
NAMES = {int(kind): kind.name.lower() for kind in Kind}


class Server:
    """Packets in, leases and replies out; commands and events over the control channel."""

    def __init__(self, loop: Loop, leases: Leases, control: Path, peer: int) -> None:
        self._loop = loop
        self._leases = leases
        self._machine = Machine(ServerConfig(), leases.load())
        self._ports: list[Port] = []
        self._counters: Counter[str] = Counter()
        self._probes = Probes(loop.call_later)
        self._six = Six(loop, leases, self._counters, self._publish)
        self.ledger = Ledger(leases, self._machine, self._six, self._publish)
        handlers = {"Configure": self._configure, "Status": self._status, **self.ledger.handlers()}
        self._endpoint = Endpoint(
            loop,
            control,
            peer=peer,
            interface=CONTROL_INTERFACE,
            handlers=handlers,
            snapshot=self.ledger.snapshot,
        )
        loop.failed = self._failed
        loop.call_later(SWEEP_S, self._sweep)

    def _failed(self, error: Exception) -> None:
        """Count a fault of ours, say where it lies, and go on from what is on the disk."""
        self._counters["failed"] += 1
        log.error("a callback failed, and the server goes on", exc_info=error)
        self.ledger.reload()

    def _publish(self, event: dict[str, Any]) -> None:
        self._endpoint.publish(event)

    def _configure(self, parameters: dict[str, Any], descriptors: tuple[int, ...]) -> dict[str, Any]:
        """Take the configuration and the sockets of its devices in the place of what there was."""
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        try:
            config = ServerConfig.from_data(parameters["config"])
            ports = [Port.of(item, sockets) for item in parameters["devices"]]
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
            for event in self.ledger.snapshot():
                self._endpoint.publish(event)
        pools = len(config.pools) + len(config.six.pools)
        log.info(
            "serving %d pools on %d devices",
            pools,
            len({*self._six.devices, *(port.device for port in ports)}),
        )
        return {}

    def _receive(self, port: Port) -> None:
        batch = waiting(port.datagrams)
        self._serve(port, [packet for data in batch if (packet := self._read(data)) is not None], AGAIN)
        if len(batch) < BATCH:
            self._loop.rest(port.datagrams, GATHER_S)

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
        changes = []
        for packet in packets:
            outcome = self._machine.handle(packet, port.device, now_s)
            if outcome.dropped is not None:
                self._counters[f"dropped: {outcome.dropped.value}"] += 1
            elif outcome.change is not None:
                changes.append((outcome, outcome.change))
            elif not (outcome.unsure and tries and self._probe(port, packet, outcome, tries)):
                self._reply(outcome, port)
        if changes and self._store([change for _, change in changes]):
            for outcome, _ in changes:
                self._reply(outcome, port)
            self.ledger.announce([(outcome.action, change) for outcome, change in changes], now_s)

    def _probe(self, port: Port, packet: Packet, outcome: Outcome, tries: int) -> bool:
        """Ask whether somebody uses the address, and offer it if nobody says so; False: offer it at once."""
        if outcome.reply is None:
            return False
        address = outcome.reply.packet.yiaddr
        offer = Waiting(
            packet.hardware,
            give=lambda: self._reply(outcome, port),
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
        for data in waiting(port.arp):
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
                self.ledger.announce([(change.state.value, change)], now_s)
                offer.again()

    def _store(self, changes: Sequence[Lease]) -> bool:
        return self._leases.keep(changes, self._counters, "not stored", self._reload)

    def _reload(self) -> None:
        """Go on from what is on the disk."""
        self._machine.reload(self._leases.load())

    def _reply(self, outcome: Outcome, port: Port) -> None:
        if outcome.reply is None:
            return
        try:
            port.send(outcome.reply)
            self._counters["sent"] += 1
        except OSError as error:
            self._counters["not sent"] += 1
            log.warning("%s: no reply sent: %s", port.device, error)

    def _status(self, _: dict[str, Any], __: tuple[int, ...]) -> dict[str, Any]:
        return {
            "pools": self.ledger.pools(),
            "counters": dict(self._counters),
            "devices": [port.device for port in self._ports],
            "devices6": self._six.devices,
        }

    def _sweep(self) -> None:
        self.ledger.sweep()
        self._loop.call_later(SWEEP_S, self._sweep)


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
    gc.set_threshold(*GARBAGE)
    gc.freeze()
    notify("READY=1")
    keep_beating(loop)
    loop.run()
    leases.close()


if __name__ == "__main__":
    os.umask(0o077)
    main()
