# SPDX-License-Identifier: GPL-2.0-or-later
"""The names that this router answers itself: its records, its hosts, their reverse. Pure.

What lies below the local domain, below the reverse of private addresses, or below the names that are
kept from the world (``NOWHERE``) is never asked of anyone else: who is not known here does not exist.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from patronus.network.dns.answer import Answer
from patronus.network.dns.config import LeaseName, LocalRecord
from patronus.network.dns.names import MalformedMessage, parents, wire_name
from patronus.network.dns.wire import CLASS_IN, RECORD_FIXED, Flag, Rcode, Type

LEASE_TTL_S = 60
NEGATIVE_TTL_S = 60
CHAIN = 8
"""CNAMEs that are followed at most."""
PRIVATE_REVERSE = (
    "10.in-addr.arpa",
    *(f"{second}.172.in-addr.arpa" for second in range(16, 32)),
    "168.192.in-addr.arpa",
    "254.169.in-addr.arpa",
    "127.in-addr.arpa",
    *(f"{nibble}.ip6.arpa" for nibble in ("d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f")),
    ".".join("0" * 31) + ".ip6.arpa",
)
"""RFC 6303 section 4, less the documentation prefixes."""
NOWHERE = ("invalid", "onion", "home.arpa", "resolver.arpa")
"""RFC 6761 section 6.4, RFC 7686 section 2, RFC 8375 section 4, RFC 9462 section 6.4: what an upstream
server says of the last leads hosts past this one."""
NOBODYS = frozenset({"isatap", "localhost", "wpad"})
"""Names that programs believe without asking anyone; a host that calls itself so would lead all others."""
_SOA_NUMBERS = struct.Struct("!IIIII")
_TO_QUESTION = b"\xc0\x0c"
_ANY = b"\x01*"
"""The label that stands for all names below, as RFC 4592 has it."""


@dataclass(frozen=True)
class _Data:
    ttl_s: int
    rdata: bytes


class Zone:
    """Local names by wire form; looked up once per name and change, answers are kept by the server."""

    def __init__(
        self,
        domain: str,
        records: Iterable[LocalRecord],
        leases: Iterable[LeaseName],
        elsewhere: Iterable[str] = (),
    ) -> None:
        """``elsewhere`` are domains that servers of their own are asked for, though they lie below ours."""
        self._domain = wire_name(domain)
        self._elsewhere = frozenset(map(wire_name, elsewhere))
        self._names: dict[bytes, dict[int, list[_Data]]] = {}
        self._inner: set[bytes] = set()
        self._any_below: set[bytes] = set()
        self._tops = {wire_name(name) for name in (domain, "localhost", *PRIVATE_REVERSE, *NOWHERE)}
        self._add_all([LocalRecord("localhost", Type.A, 300, "7f000001")])
        self._add_all([LocalRecord("localhost", Type.AAAA, 300, "00" * 15 + "01")])
        self._add_all(records)
        holders: dict[bytes, LeaseName] = {}
        for lease in leases:
            self._add_lease(lease, domain, holders)

    def _add_all(self, records: Iterable[LocalRecord]) -> None:
        """Enter records, and for each address the reverse, unless an earlier record gave one."""
        reverse: dict[bytes, _Data] = {}
        for record in records:
            name, rdata = wire_name(record.name), bytes.fromhex(record.data)
            self._add(name, record.rtype, _Data(record.ttl_s, rdata))
            if record.rtype in {Type.A, Type.AAAA} and not name.startswith(_ANY):
                reverse.setdefault(reverse_name(rdata), _Data(record.ttl_s, name))
        for name, data in reverse.items():
            if Type.PTR not in self._names.get(name, {}):
                self._add(name, Type.PTR, data)

    def _add(self, name: bytes, rtype: int, data: _Data) -> None:
        entries = self._names.setdefault(name, {}).setdefault(rtype, [])
        if data not in entries:
            entries.append(data)
        self._inner.update(parent for parent in parents(name) if parent != name)
        if name.startswith(_ANY):
            self._any_below.add(name[len(_ANY) :])

    def _add_lease(self, lease: LeaseName, domain: str, holders: dict[bytes, LeaseName]) -> None:
        """Enter a host's name, unless a record or another host has it: nobody takes another's name.

        ``holders`` are the first lease of each name so far; that host's addresses of IPv6 join it.
        """
        try:
            name = wire_name(f"{lease.hostname}.{domain}")
        except MalformedMessage:
            return
        first = holders.get(name)
        rtype = Type.AAAA if ":" in lease.address else Type.A
        if first is None:
            free = name not in self._names
        else:
            free = lease.is_same_host(first) and (rtype == Type.AAAA or rtype not in self._names[name])
        if lease.hostname and lease.hostname.lower() not in NOBODYS and free:
            holders.setdefault(name, lease)
            self._add_all(
                [LocalRecord(f"{lease.hostname}.{domain}", rtype, LEASE_TTL_S, _hex(lease.address))]
            )

    def answer(self, name: bytes, qtype: int, qclass: int, now_s: float) -> Answer | None:
        """Return the answer to a local question, or None where somebody else has to be asked.

        A name of one label is looked for in the local domain as well (RFC 8499: unqualified names).
        """
        if qclass != CLASS_IN:
            return None
        single = name[0] + 2 == len(name)
        names = (name, name[:-1] + self._domain) if single else (name,)
        for candidate in names:
            if (found := self._positive(candidate, qtype, now_s)) is not None:
                return found
        if any(self._entries(candidate) for candidate in names):
            return self.negative(Rcode.NOERROR, now_s)
        for parent in parents(name):
            if parent in self._elsewhere:
                return None
            if parent in self._tops:
                return self.negative(Rcode.NOERROR if name in self._inner else Rcode.NXDOMAIN, now_s)
        return self.negative(Rcode.NXDOMAIN, now_s) if single and qtype in {Type.A, Type.AAAA} else None

    def _entries(self, name: bytes) -> dict[int, list[_Data]]:
        """Return what there is of a name: its own, else what ``*.`` says below the next name that there is.

        A name that is there, or has others below it, is never what ``*.`` means (RFC 4592 section 3.3.1).
        """
        found = self._names.get(name)
        if found is not None or not self._any_below:
            return found or {}
        for parent in parents(name):
            if parent in self._any_below and parent != name:
                return self._names[_ANY + parent]
            if parent in self._names or parent in self._inner:
                return {}
        return {}

    def _positive(self, name: bytes, qtype: int, now_s: float) -> Answer | None:
        records = list(self._chain(name, qtype))
        if not records:
            return None
        body, offsets = bytearray(), []
        for owner, rtype, data in records:
            body += owner
            offsets.append(len(body) + 4)
            body += RECORD_FIXED.pack(rtype, CLASS_IN, data.ttl_s, len(data.rdata)) + data.rdata
        ttl_s = min(data.ttl_s for _, _, data in records)
        return Answer(Flag.AA, (len(records), 0, 0), bytes(body), offsets, ttl_s, now_s)

    def _chain(self, name: bytes, qtype: int) -> Iterator[tuple[bytes, int, _Data]]:
        """Yield the records of the answer, from alias to alias (RFC 1034 section 3.6.2)."""
        owner = _TO_QUESTION
        for _ in range(CHAIN):
            entries = self._entries(name)
            for data in entries.get(qtype, ()):
                yield owner, qtype, data
            aliases = entries.get(Type.CNAME)
            if aliases is None or qtype in entries:
                return
            yield owner, Type.CNAME, aliases[0]
            name = owner = aliases[0].rdata

    def negative(self, rcode: Rcode, now_s: float) -> Answer:
        """Return that there is nothing, with the SOA that says for how long (RFC 2308 section 3)."""
        numbers = _SOA_NUMBERS.pack(1, 3600, 600, 86400, NEGATIVE_TTL_S)
        rdata = self._domain + b"\x0ahostmaster" + self._domain + numbers
        soa = RECORD_FIXED.pack(Type.SOA, CLASS_IN, NEGATIVE_TTL_S, len(rdata)) + rdata
        at = len(self._domain) + 4
        return Answer(Flag.AA | rcode, (0, 1, 0), self._domain + soa, [at], NEGATIVE_TTL_S, now_s)


def reverse_name(address: bytes) -> bytes:
    """Return the name of an address's PTR record (RFC 1035 section 3.5, RFC 3596 section 2.5)."""
    return wire_name(ipaddress.ip_address(address).reverse_pointer)


def _hex(address: str) -> str:
    return ipaddress.ip_address(address).packed.hex()


def record_text(record: LocalRecord) -> tuple[str, str]:
    """Return type and value of an address record as people write them."""
    return Type(record.rtype).name, str(ipaddress.ip_address(bytes.fromhex(record.data)))
