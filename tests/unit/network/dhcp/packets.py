# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients' packets and a pool to answer them from, for the tests of the DHCP server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

from patronus.network.dhcp.codec import Code, Kind, Packet
from patronus.network.dhcp.config import Pool, Reservation, ServerConfig, read_address
from patronus.network.dhcp.lease import Lease, Table
from patronus.network.dhcp.machine import Machine, Outcome

SERVER = read_address("192.168.1.1")
FIRST = read_address("192.168.1.100")
LAST = read_address("192.168.1.103")
PRINTER = read_address("192.168.1.20")
PRINTER_MAC = bytes.fromhex("001122334455")
POOL = Pool(
    id="lan",
    interface="lan",
    device="lan0",
    subnet=IPv4Network("192.168.1.0/24"),
    server=SERVER,
    ranges=((FIRST, LAST),),
    lease_time_s=3600,
    options={Code.ROUTER: SERVER.to_bytes(4), Code.DOMAIN_NAME: b"home.arpa"},
    reservations=(Reservation("printer", PRINTER, mac="00:11:22:33:44:55", hostname="printer"),),
)


def mac(number: int) -> bytes:
    return bytes((2, 0, 0, 0, number >> 8, number & 255))


def packet(
    kind: Kind, hardware: bytes | int = 1, *, given: Mapping[Any, Any] | None = None, **fields: Any
) -> Packet:
    """Return a client's packet; an int as an option's value is an address."""
    options: dict[int, bytes] = {Code.MESSAGE_TYPE: bytes((kind,))}
    for code, value in (given or {}).items():
        options[code] = value.to_bytes(4) if isinstance(value, int) else value
    hardware = mac(hardware) if isinstance(hardware, int) else hardware
    return Packet(op=1, xid=7, hardware=hardware, options=options, **fields)


def machine(*leases: Lease, pools: tuple[Pool, ...] = (POOL,)) -> Machine:
    return Machine(ServerConfig(pools), Table(leases))


def discover(server: Machine, hardware: bytes | int = 1, now_s: float = 0.0) -> Outcome:
    return server.handle(packet(Kind.DISCOVER, hardware), "lan0", now_s)


def select(server: Machine, hardware: bytes | int, address: int, now_s: float = 0.0) -> Outcome:
    options = {Code.SERVER_ID: SERVER, Code.REQUESTED_ADDRESS: address}
    return server.handle(packet(Kind.REQUEST, hardware, given=options), "lan0", now_s)


def bind(server: Machine, hardware: bytes | int = 1, now_s: float = 0.0) -> int:
    """Take a client through DISCOVER and REQUEST and return its address."""
    offered = discover(server, hardware, now_s).reply
    assert offered is not None
    granted = select(server, hardware, offered.packet.yiaddr, now_s)
    assert kind_of(granted) is Kind.ACK
    return offered.packet.yiaddr


def kind_of(outcome: Outcome) -> Kind | None:
    if outcome.reply is None:
        return None
    return Kind(outcome.reply.packet.options[Code.MESSAGE_TYPE][0])


def with_pool(**changes: Any) -> Pool:
    return replace(POOL, **changes)
