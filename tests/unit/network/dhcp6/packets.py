# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts that speak DHCPv6, and a pool to answer them from; replies are read by scapy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from scapy.layers.dhcp6 import __dict__ as layers
from scapy.layers.dhcp6 import dhcp6_cls_by_type

from patronus.network.dhcp.lease import Table
from patronus.network.dhcp6.codec import Association, Code, Kind, Packet
from patronus.network.dhcp6.config import Config, Pool, Reservation
from patronus.network.dhcp6.machine import Machine
from patronus.network.dhcp6.prefixes import Prefix
from patronus.network.dhcp6.question import Outcome

LOCAL, GLOBAL, NEXT = (IPv6Network(text) for text in ("fd00:1::/64", "2001:db8:1::/64", "2001:db8:2::/64"))
SERVER = bytes.fromhex("00030001525400000001")
NOW_S = 1000.0
POOL = Pool(
    id="lan6",
    interface="lan",
    device="lan0",
    lease_time_s=36000,
    prefixes=(Prefix(LOCAL, 2**32 - 1, 2**32 - 1), Prefix(GLOBAL, 2700, 5400)),
    ranges=((0x1000, 0x1003),),
    own=frozenset({0, 1}),
    options={Code.DNS_SERVERS: IPv6Address("fd00:1::1").packed, Code.DOMAIN_SEARCH: b"\4home\4arpa\0"},
    reservations=(
        Reservation("nas", 0x20, mac="02:00:00:00:00:20", hostname="nas"),
        Reservation("tv", 0x21, duid="0004" + "ab" * 16),
    ),
)


def number(text: str) -> int:
    return int(IPv6Address(text))


def renumbered(pool: Pool = POOL) -> Pool:
    """Return the pool once the provider gave another prefix."""
    return replace(pool, prefixes=(pool.prefixes[0], Prefix(NEXT, 2700, 5400)))


@dataclass
class Answer:
    """What came back: the outcome, and the reply as scapy reads it."""

    outcome: Outcome
    reply: Any = None

    @property
    def kind(self) -> int | None:
        return None if self.reply is None else self.reply.msgtype

    @property
    def dropped(self) -> str | None:
        return self.outcome.dropped.value if self.outcome.dropped is not None else None

    def status(self, iaid: int | None = None) -> int | None:
        """Return the status of the message, or of one association."""
        held = _flat(self.reply) if iaid is None else []
        for one in self._associations():
            if one.iaid == iaid:
                held = one.ianaopts if hasattr(one, "ianaopts") else one.iapdopt
        return next((int(one.statuscode) for one in held if hasattr(one, "statuscode")), None)

    def _associations(self) -> list[Any]:
        return [one for one in _flat(self.reply) if hasattr(one, "iaid")]

    def addresses(self, iaid: int = 1) -> dict[str, tuple[int, int]]:
        """Return address → its lifetimes."""
        return {
            one.addr: (one.preflft, one.validlft)
            for found in self._associations()
            if found.iaid == iaid
            for one in found.ianaopts
            if hasattr(one, "addr")
        }

    def has(self, code: Code) -> bool:
        return any(getattr(one, "optcode", None) == code for one in _flat(self.reply))


def _flat(packet: Any) -> list[Any]:
    found = []
    while packet:
        found.append(packet)
        packet = packet.payload
    return found


@dataclass
class Host:
    """One host and the server that it speaks to."""

    machine: Machine
    which: int = 1
    duid: bytes = b""
    now_s: float = NOW_S
    options: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.duid = self.duid or bytes.fromhex("00030001") + self.mac

    @property
    def mac(self) -> bytes:
        return bytes((2, 0, 0, 0, self.which >> 8, self.which & 255))

    @property
    def source(self) -> int:
        """Return a link-local address that says nothing of the MAC."""
        return number("fe80::aaaa:0:0:0") + self.which

    def say(
        self,
        kind: Kind,
        *listed: str,
        iaid: int = 1,
        server: bytes | None = None,
        code: Code = Code.IA_NA,
        **how: Any,
    ) -> Answer:
        """Send a message with one association, to the server where the message names one."""
        asked = Association(code, iaid, tuple(map(number, listed)))
        return self.send(kind, (asked,), server=server, **how)

    def send(
        self, kind: Kind, asked: tuple[Association, ...], *, server: bytes | None = None, **how: Any
    ) -> Answer:
        options = {int(Code.CLIENT_ID): self.duid, **self.options}
        if server is None and kind in {Kind.REQUEST, Kind.RENEW, Kind.RELEASE, Kind.DECLINE}:
            server = SERVER
        if server is not None:
            options[Code.SERVER_ID] = server
        packet = Packet(kind, 0x123456, options, asked)
        source = how.pop("source", self.source)
        outcome = self.machine.handle(packet, "lan0", SERVER, source, self.now_s, **how)
        if not outcome.reply:
            return Answer(outcome)
        return Answer(outcome, layers[dhcp6_cls_by_type[outcome.reply[0]]](outcome.reply))

    def bind(self, iaid: int = 1) -> list[str]:
        """Get addresses in four messages."""
        offered = self.say(Kind.SOLICIT, iaid=iaid)
        assert offered.kind == Kind.ADVERTISE
        return list(self.say(Kind.REQUEST, *offered.addresses(iaid), iaid=iaid).addresses(iaid))


def server(pool: Pool = POOL) -> Machine:
    return Machine(Config((pool,)), Table())
