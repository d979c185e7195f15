# SPDX-License-Identifier: GPL-2.0-or-later
"""All routes and rules of the kernel, whoever made them, as values. Needs no privilege; changes nothing.

Read by hand, since a router that speaks BGP may have hundreds of thousands. Rules by what no packet of ours
is asked about (who sends it, its class of service, a tunnel's number) are left out: they would never fit.
Source: rtnetlink(7), linux/rtnetlink.h, linux/fib_rules.h.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Literal

from patronus.core.fib import NOWHERE, Fib, FibKind, FibRoute, FibRule
from patronus.core.link import IpAddress, IpNetwork
from patronus.core.route_table import Family, NextHop, Selector
from patronus.core.values import Mark, PortRange
from patronus.kernel.dumps import ROUTES, RULES, dumped, reading
from patronus.kernel.nfnetlink import Attributes, attributes

_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg, and of one size and order struct fib_rule_hdr
_NUMBER, _SIGNED = struct.Struct("=I"), struct.Struct("=i")
_PORTS = struct.Struct("=HH")  # struct fib_rule_port_range
_NEXT = struct.Struct("=HBBI")  # struct rtnexthop
_OWNER = 5
"""Where a route says who made it."""
_DST, _OIF, _GATEWAY, _PRIORITY, _PREFSRC, _MULTIPATH, _TABLE, _VIA = 1, 4, 5, 6, 7, 9, 15, 18
_CLONED = 0x200
"""RTM_F_CLONED: what a packet found, no route."""
_KINDS: Mapping[int, FibKind] = {
    1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole", 7: "unreachable",
    8: "prohibit", 9: "throw",
}  # fmt: skip
_FAMILIES: Mapping[int, Family] = {socket.AF_INET: 4, socket.AF_INET6: 6}
_FRA_DST, _FRA_SRC, _FRA_IIF, _FRA_GOTO, _FRA_PRIORITY, _FRA_MARK = 1, 2, 3, 4, 6, 10
_FRA_SUPPRESS, _FRA_TABLE, _FRA_MASK, _FRA_PROTOCOL = 14, 15, 16, 21
_FRA_IP_PROTOCOL, _FRA_SPORT, _FRA_DPORT = 22, 23, 24
_NEVER = {12, 17, 20, 25}
"""FRA_TUN_ID, FRA_OIFNAME, FRA_UID_RANGE, FRA_DSCP."""
_FRA_VRF = 19
"""FRA_L3MDEV."""
_RULE_KINDS: Mapping[int, Literal["table", "goto", "nothing"]] = {1: "table", 2: "goto", 3: "nothing"}
"""FR_ACT_TO_TBL, FR_ACT_GOTO and FR_ACT_NOP; the others refuse."""
_INVERT = 0x2
_ALL_BITS = 0xFFFFFFFF


def read_fib(vrfs: Mapping[str, int] | None = None) -> Fib:
    """Return what the kernel has in the network namespace of the calling thread. Raises KernelError.

    ``vrfs``: device → table of each VRF and of its members.
    """
    with reading("read the routes") as link:
        names = dict(socket.if_nameindex())
        fib = Fib(routes(link, names), rules(link))
        fib.vrfs = vrfs or {}
        return fib


def routes(link: socket.socket, names: Mapping[int, str], *owners: int) -> Iterator[FibRoute]:
    """Yield the routes of some owners, or all; ``names``: number of a link → its name. Raises OSError."""
    for body in dumped(link, ROUTES):
        if not owners or body[_OWNER] in owners:
            yield from _routes(body, names)


def rules(link: socket.socket) -> Iterator[FibRule]:
    """Yield the rules of both families. Raises OSError."""
    for body in dumped(link, RULES):
        yield from _rules(body)


def _routes(body: bytes, names: Mapping[int, str]) -> Iterator[FibRoute]:
    family, length, source_length, tos, table, owner, _, kind, flags = _ROUTE.unpack_from(body)
    if family not in _FAMILIES or flags & _CLONED or source_length or tos or kind not in _KINDS:
        return
    found = attributes(body, _ROUTE.size, len(body))
    hops = () if _KINDS[kind] in NOWHERE else tuple(_hops(found, names))
    if not hops and _KINDS[kind] == "unicast":
        return
    yield FibRoute(
        table=_number(found, _TABLE, table),
        destination=_network(found.get(_DST), length, family),
        kind=_KINDS[kind],
        hops=hops,
        metric=_number(found, _PRIORITY, 0),
        owner=owner,
        source=_address(found, _PREFSRC),
    )


def _hops(found: Attributes, names: Mapping[int, str]) -> Iterator[NextHop]:
    """Yield the ways whose cards are there."""
    if _OIF in found:
        index = _number(found, _OIF, 0)
        if index in names:
            yield NextHop(names[index], _gateway(found))
    several, at = found.get(_MULTIPATH, b""), 0
    while at + _NEXT.size <= len(several):
        length, _, weight, index = _NEXT.unpack_from(several, at)
        if index in names:
            way = attributes(several, at + _NEXT.size, at + length)
            yield NextHop(names[index], _gateway(way), weight + 1)
        at += length + 3 & ~3


def _gateway(found: Attributes) -> IpAddress | None:
    """Return the next router; one of the other family comes with its family in front."""
    if _VIA in found:
        return ipaddress.ip_address(found[_VIA][2:])
    return _address(found, _GATEWAY)


def _rules(body: bytes) -> Iterator[FibRule]:
    family, length, source_length, tos, table, _, _, action, flags = _ROUTE.unpack_from(body)
    found = attributes(body, _ROUTE.size, len(body))
    if family not in _FAMILIES or tos or not _NEVER.isdisjoint(found):
        return
    mark, mask = found.get(_FRA_MARK), _number(found, _FRA_MASK, _ALL_BITS)
    source, destination = found.get(_FRA_SRC), found.get(_FRA_DST)
    yield FibRule(
        family=_FAMILIES[family],
        priority=_number(found, _FRA_PRIORITY, 0),
        kind="vrf" if any(found.get(_FRA_VRF, b"")) else _RULE_KINDS.get(action, "refuse"),
        table=_number(found, _FRA_TABLE, table),
        target=_number(found, _FRA_GOTO, 0),
        selector=Selector(
            source=_network(source, source_length, family) if source else None,
            destination=_network(destination, length, family) if destination else None,
            device=_text(found, _FRA_IIF),
            mark=Mark(_NUMBER.unpack(mark)[0], mask) if mark and mask else None,
            protocol=found[_FRA_IP_PROTOCOL][0] if _FRA_IP_PROTOCOL in found else None,
            ports=_ports(found, _FRA_DPORT),
        ),
        source_ports=_ports(found, _FRA_SPORT),
        inverted=bool(flags & _INVERT),
        suppress=_SIGNED.unpack(found[_FRA_SUPPRESS])[0] if _FRA_SUPPRESS in found else -1,
        owner=found[_FRA_PROTOCOL][0] if _FRA_PROTOCOL in found else 0,
    )  # fmt: skip


def _number(found: Attributes, kind: int, default: int) -> int:
    value: int = _NUMBER.unpack(found[kind])[0] if kind in found else default
    return value


def _address(found: Attributes, kind: int) -> IpAddress | None:
    return ipaddress.ip_address(found[kind]) if kind in found else None


def _text(found: Attributes, kind: int) -> str | None:
    return found[kind].rstrip(b"\0").decode() if kind in found else None


def _ports(found: Attributes, kind: int) -> PortRange | None:
    return PortRange(*_PORTS.unpack(found[kind])) if kind in found else None


def _network(packed: bytes | None, length: int, family: int) -> IpNetwork:
    if family == socket.AF_INET:
        return ipaddress.IPv4Network((packed or bytes(4), length))
    return ipaddress.IPv6Network((packed or bytes(16), length))
