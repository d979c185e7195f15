# SPDX-License-Identifier: GPL-2.0-or-later
"""A transport without sockets and a clock without time, for the tests of the resolver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import dnslib

from patronus.network.dns.answer import Answer
from patronus.network.dns.blocklist import Names
from patronus.network.dns.cache import Cache
from patronus.network.dns.config import ServerConfig, UpstreamServer
from patronus.network.dns.resolver import Resolver
from patronus.network.dns.wire import parse_query

FIRST = UpstreamServer("first", "198.51.100.53")
SECOND = UpstreamServer("second", "203.0.113.53")


@dataclass
class Sent:
    """One question on its way."""

    server: UpstreamServer
    data: bytes
    on_data: Callable[[bytes], None]
    on_failure: Callable[[str], None]
    closed: bool = False

    def close(self) -> None:
        self.closed = True

    def reply(
        self,
        zone: str = "",
        *,
        rcode: str = "NOERROR",
        auth: str = "",
        records: Sequence[dnslib.RR] = (),
        extra: Sequence[dnslib.RR] = (),
        **header: int,
    ) -> None:
        """Answer as a server would, with records from the text and those that no text can say."""
        record = dnslib.DNSRecord.parse(self.data).reply(ra=1, aa=0)
        record.header.rcode = getattr(dnslib.RCODE, rcode)
        for name, value in header.items():
            setattr(record.header, name, value)
        record.add_answer(*dnslib.RR.fromZone(zone), *records)
        record.add_ar(*extra)
        record.add_auth(*dnslib.RR.fromZone(auth))
        data = bytearray(record.pack())
        end = self.data.index(0, 12)
        data[12:end] = self.data[12:end]  # dnslib does not keep the case
        self.on_data(bytes(data))


@dataclass
class Later:
    """A callback that is due."""

    due_s: float
    callback: Callable[[], None]
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class World:
    """The transport and the clock."""

    now_s: float = 1000.0
    sent: list[Sent] = field(default_factory=list)
    due: list[Later] = field(default_factory=list)
    refusing: bool = False

    def ask(
        self,
        server: UpstreamServer,
        data: bytes,
        on_data: Callable[[bytes], None],
        on_failure: Callable[[str], None],
    ) -> Sent:
        if self.refusing:
            raise OSError("network is unreachable")
        self.sent.append(Sent(server, data, on_data, on_failure))
        return self.sent[-1]

    def later(self, delay_s: float, callback: Callable[[], None]) -> Later:
        self.due.append(Later(self.now_s + delay_s, callback))
        return self.due[-1]

    def now(self) -> float:
        return self.now_s

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and call back what comes due, in order."""
        end_s = self.now_s + seconds
        while ready := [item for item in self.due if not item.closed and item.due_s <= end_s]:
            first = min(ready, key=lambda item: item.due_s)
            self.due.remove(first)
            self.now_s = max(self.now_s, first.due_s)
            first.callback()
        self.now_s = end_s


class Asker:
    """A resolver in its world, and a client that asks it."""

    def __init__(self, config: ServerConfig | None = None, blocked: set[bytes] | None = None) -> None:
        self.world = World()
        self.resolver = Resolver(Cache(1000, 3600), self.world)
        self.resolver.configure(config or ServerConfig(upstreams=(FIRST, SECOND), lists=("everyones",)))
        self.resolver.block({"everyones": Names(blocked or ())})
        self.replies: list[bytes] = []
        self._number = 0

    def ask(
        self,
        name: str,
        qtype: str = "A",
        *,
        limit: int = 1232,
        edns: bool = False,
        rd: int = 1,
        view: int = 0,
    ) -> None:
        record = dnslib.DNSRecord.question(name, "A" if qtype.startswith("TYPE") else qtype)
        if qtype.startswith("TYPE"):
            record.q.qtype = int(qtype.removeprefix("TYPE"))
        record.header.rd = rd
        record.header.id = self._number = self._number + 1
        if edns:
            record.add_ar(dnslib.EDNS0(udp_len=1232))
        query = parse_query(bytes(record.pack()))._replace(view=view)
        self.resolver.answer(query, limit, self.replies.append)

    @property
    def reply(self) -> dnslib.DNSRecord:
        """Return the last reply, read by another library."""
        return dnslib.DNSRecord.parse(self.replies[-1])

    @property
    def answers(self) -> list[str]:
        """Return type and value of the records of the last reply."""
        return [f"{dnslib.QTYPE[record.rtype]} {record.rdata}" for record in self.reply.rr]

    @property
    def status(self) -> str:
        """Return the code of the last reply."""
        return str(dnslib.RCODE[self.reply.header.rcode])


def any_answer(ttl_s: int = 60, stored_s: float = 0.0) -> Answer:
    body = b"\xc0\x0c\0\1\0\1" + ttl_s.to_bytes(4) + b"\0\4\xc6\x33\x64\x07"
    return Answer(0, (1, 0, 0), body, [6], ttl_s, stored_s)
