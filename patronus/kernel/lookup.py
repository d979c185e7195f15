# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the kernel would send a packet: one question to the routing tables for each kind, remembered.

Rules may choose a table by where a packet comes from, its mark and its ports, so all that is known of it is
asked, but only where a rule looks at it: else the destination alone is, and one answer does for all who go
there. Of several ways the answer is one: which of them a packet takes may hang on what its card made of it.

Questions are written by hand, since thousands may be asked while a change waits. Source: rtnetlink(7),
linux/rtnetlink.h, linux/fib_rules.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from patronus.core.link import Hop, RouteQuery
from patronus.kernel.dumps import ROUTES, RULES, dumped, reading
from patronus.kernel.nfnetlink import Attributes, attribute, attributes

_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_NUMBER, _CODE, _PORT = struct.Struct("=I"), struct.Struct("=i"), struct.Struct("!H")
_NEXT = struct.Struct("=HBBI")  # struct rtnexthop
_REQUEST, _ERROR = 0x1, 2
_DST, _SRC, _IIF, _OIF, _GATEWAY, _PREFSRC, _MULTIPATH, _TABLE, _MARK = 1, 2, 3, 4, 5, 7, 9, 15, 16
_PROTOCOL, _SPORT, _DPORT = 27, 28, 29
_LOOKUP_TABLE = 0x1000
"""RTM_F_LOOKUP_TABLE: say whose route it is."""
_FIB_MATCH = 0x2000
"""RTM_F_FIB_MATCH: say the route itself, and nothing where there is none."""
_LOCAL, _BROADCAST = 2, 3
_ASKABLE = {1, 6, 17, 58}
"""Protocols by which the kernel answers; no rule of ours asks for others."""
_SELECTORS = {2, 3, 10, 19, 22, 23, 24}
"""FRA_SRC, FRA_IIFNAME, FRA_FWMARK, FRA_L3MDEV, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE."""
_REFUSED = {errno.EINVAL, errno.EXDEV}
"""What a source is refused with that cannot come in there, of which nothing is said of its destination."""
_BUFFER = 1 << 16


class Unreachable(LookupError):
    """No route leads there."""


class RouteLookup:
    """Answers from one socket; what was asked once is not asked again, so use it for one walk alone."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._known: dict[RouteQuery, Hop] = {}
        self._selects = any(self._selecting())

    def device(self, address: IPv4Address | IPv6Address) -> str | None:
        """Return the device by which the router itself reaches an address, None for one of its own.

        Raises Unreachable.
        """
        return self.device_for(RouteQuery(address))

    def device_for(self, query: RouteQuery) -> str | None:
        """Return the device by which a packet leaves, None for the router's own. Raises Unreachable."""
        return self.step(query).device

    def step(self, query: RouteQuery) -> Hop:
        """Return the next step of a packet; its source is named only where the kernel does so by itself.

        Raises Unreachable.
        """
        asked = query if self._selects else RouteQuery(query.destination)
        if asked not in self._known:
            self._known[asked] = self._ask(asked)
        return self._known[asked]

    def hop(self, query: RouteQuery) -> Hop:
        """Return the next step of a packet, with the router's address there. Raises Unreachable."""
        found = self._ask(query)
        if found.device is None or found.source is not None:
            return found
        near = found.gateway if found.gateway and found.gateway.version == 4 else query.destination
        own = self._answer(
            RouteQuery(near), attribute(_OIF, _NUMBER.pack(socket.if_nametoindex(found.device)))
        )
        return replace(found, source=own.source)

    def leads(self, query: RouteQuery, device: str) -> bool:
        """Return whether the best route of a packet of the router's own has a way by a device."""
        try:
            found = self._told(_question(query, _FIB_MATCH))
            return device in map(socket.if_indextoname, _ways(attributes(found, _ROUTE.size, len(found))))
        except OSError:
            return False

    def _ask(self, query: RouteQuery) -> Hop:
        try:
            return self._answer(query)
        except OSError as error:
            if error.errno not in _REFUSED or query.arrives_on is None:
                raise Unreachable(f"no route to {query.destination}") from error
        try:
            return self._answer(replace(query, source=None, arrives_on=None))
        except OSError as error:
            raise Unreachable(f"no route to {query.destination}") from error

    def _answer(self, query: RouteQuery, more: bytes = b"") -> Hop:
        """Return the kernel's answer. Raises OSError as it refuses."""
        return _hop(self._told(_question(query) + more), forwarded=query.arrives_on is not None)

    def _told(self, body: bytes) -> bytes:
        self._link.send(_HEADER.pack(_HEADER.size + len(body), ROUTES, _REQUEST, 1, 0) + body)
        data = self._link.recv(_BUFFER)
        length, kind, _, _, _ = _HEADER.unpack_from(data)
        if kind == _ERROR:
            code = -_CODE.unpack_from(data, _HEADER.size)[0]
            raise OSError(code, os.strerror(code))
        return data[_HEADER.size : length]

    def _selecting(self) -> Iterator[bool]:
        """Yield of each rule of both families whether it looks at more than the destination."""
        for body in dumped(self._link, RULES):
            yield not _SELECTORS.isdisjoint(attributes(body, _ROUTE.size, len(body)))


def _question(query: RouteQuery, flags: int = 0) -> bytes:
    """Return the body of RTM_GETROUTE."""
    family = socket.AF_INET if query.destination.version == 4 else socket.AF_INET6
    bits, source = query.destination.max_prefixlen, query.source
    parts = [attribute(_DST, query.destination.packed)]
    if source is not None:
        parts.append(attribute(_SRC, source.packed))
    if query.arrives_on is not None:
        parts.append(attribute(_IIF, _NUMBER.pack(socket.if_nametoindex(query.arrives_on))))
    elif query.within is not None:
        parts.append(attribute(_OIF, _NUMBER.pack(socket.if_nametoindex(query.within))))
    if query.mark:
        parts.append(attribute(_MARK, _NUMBER.pack(query.mark)))
    if query.protocol in _ASKABLE:
        parts.append(attribute(_PROTOCOL, bytes([query.protocol])))
        ports = ((_SPORT, query.source_port), (_DPORT, query.destination_port))
        parts += [attribute(kind, _PORT.pack(port)) for kind, port in ports if port]
    head = _ROUTE.pack(family, bits, bits if source else 0, 0, 0, 0, 0, 0, _LOOKUP_TABLE | flags)
    return head + b"".join(parts)


def _hop(body: bytes, *, forwarded: bool) -> Hop:
    kind = _ROUTE.unpack_from(body)[7]
    found = attributes(body, _ROUTE.size, len(body))
    if kind == _LOCAL or (forwarded and kind == _BROADCAST):
        return Hop(None)
    index = _NUMBER.unpack(found[_OIF])[0]
    table = _NUMBER.unpack(found[_TABLE])[0] if _TABLE in found else None
    return Hop(socket.if_indextoname(index), _address(found, _GATEWAY), _address(found, _PREFSRC), table)


def _ways(found: Attributes) -> Iterator[int]:
    """Yield the devices of a route's ways by number: struct rtnexthop has its length first."""
    if _OIF in found:
        yield _NUMBER.unpack(found[_OIF])[0]
    several, at = found.get(_MULTIPATH, b""), 0
    while at + _NEXT.size <= len(several):
        length, _, _, index = _NEXT.unpack_from(several, at)
        yield index
        at += length


def _address(found: Attributes, kind: int) -> IPv4Address | IPv6Address | None:
    return ip_address(found[kind]) if kind in found else None


@contextmanager
def route_lookup() -> Iterator[RouteLookup]:
    """Lend a lookup. Raises KernelError where rtnetlink cannot be had."""
    with reading("ask for routes") as link:
        yield RouteLookup(link)
