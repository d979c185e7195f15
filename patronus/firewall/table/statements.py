# SPDX-License-Identifier: GPL-2.0-or-later
"""The statements of libnftables' JSON that we use, each as a function; nowhere else is this JSON spelled.

Source: libnftables-json(5). Values are numbers wherever a number will do: no name is looked up on the device.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from patronus.core.values import Mark, PortRange, Range
from patronus.firewall.addresses import (
    AddressSet,
    Interval,
    IpNetwork,
    Version,
    address,
    single_network,
    spelled,
)
from patronus.firewall.model.flags import RST, SYN, FlagMatch
from patronus.firewall.model.match import TCP
from patronus.firewall.model.queue import Queue
from patronus.firewall.table.ruleset import Expression, set_reference

ACCEPT: Expression = {"accept": None}
DROP: Expression = {"drop": None}
SEGMENT_SIZE: Expression = {"tcp option": {"name": "maxseg", "field": "size"}}
"""The largest segment that an end of a TCP connection takes."""
MASQUERADE: Expression = {"masquerade": None}
REJECT_TCP: Expression = {"reject": {"type": "tcp reset"}}
ALL_BITS = 0xFFFFFFFF
IP = {4: "ip", 6: "ip6"}
NFPROTO = {4: "ipv4", 6: "ipv6"}


def match(left: Any, right: Any, op: str = "==") -> Expression:
    """Compare two expressions."""
    return {"match": {"op": op, "left": left, "right": right}}


def meta(key: str) -> Expression:
    """Name a property of the packet that is in no header."""
    return {"meta": {"key": key}}


def payload(protocol: str, name: str) -> Expression:
    """Name a header field."""
    return {"payload": {"protocol": protocol, "field": name}}


def any_of(values: Sequence[Any]) -> Any:
    """Return one value as it is and several as an anonymous set."""
    return values[0] if len(values) == 1 else {"set": list(values)}


def counter(name: str) -> Expression:
    """Count in a named counter."""
    return {"counter": name}


def jump(chain: str) -> Expression:
    """Go through a chain and come back."""
    return {"jump": {"target": chain}}


def goto(chain: str) -> Expression:
    """Go to a chain for good."""
    return {"goto": {"target": chain}}


def refuse(why: str) -> Expression:
    """Drop and tell the sender by ICMP or ICMPv6: ``no-route``, ``port-unreachable`` and such."""
    return {"reject": {"type": "icmpx", "expr": why}}


def queue(to: Queue) -> Expression:
    """Leave the decision to the program that reads a queue, or one of several."""
    one = to.numbers.first == to.numbers.last
    found: dict[str, Any] = {
        "num": to.numbers.first if one else {"range": [to.numbers.first, to.numbers.last]}
    }
    flags = [name for name in ("bypass", "fanout") if getattr(to, name)]
    return {"queue": {**found, "flags": flags} if flags else found}


def version_is(version: Version) -> Expression:
    """Match the family."""
    return match(meta("nfproto"), NFPROTO[version])


def arrives_on(devices: Iterable[str]) -> Expression:
    """Match the kernel name of the interface that a packet came in by."""
    return match(meta("iifname"), any_of(sorted(devices)))


def leaves_by(devices: Iterable[str]) -> Expression:
    """Match the kernel name of the interface that a packet goes out by."""
    return match(meta("oifname"), any_of(sorted(devices)))


def protocol_in(numbers: Sequence[int]) -> Expression:
    """Match the transport protocol, behind IPv6 extension headers too."""
    return match(meta("l4proto"), any_of(list(numbers)))


def ports_in(name: str, ports: Sequence[PortRange]) -> Expression:
    """Match ``sport`` or ``dport`` of any protocol whose header starts with the two."""
    return match(payload("th", name), any_of([value_of(0, (port.first, port.last)) for port in ports]))


def icmp_in(version: Version, types: Sequence[int]) -> Expression:
    """Match the type of an ICMP message of the family."""
    return match(payload("icmp" if version == 4 else "icmpv6", "type"), any_of(list(types)))


def flags_are(flags: FlagMatch) -> Expression:
    """Match flags of TCP's header."""
    return match({"&": [payload("tcp", "flags"), flags.mask]}, flags.value)


def dscp_in(version: Version, classes: Sequence[int]) -> Expression:
    """Match the class of service in the header of the family."""
    return match(payload(IP[version], "dscp"), any_of(list(classes)))


def mark_is(mark: Mark) -> Expression:
    """Match the packet's mark."""
    return match(_bits(meta("mark"), mark.mask), mark.value)


def offload(table: str) -> Expression:
    """Let the packets of the connection that follow go past the rules."""
    return {"flow": {"op": "add", "flowtable": f"@{table}"}}


def set_mark(mark: Mark) -> list[Expression]:
    """Give the packet a mark, and its connection the same for the packets that follow."""
    rest = ALL_BITS & ~mark.mask
    value = {"|": [_bits(meta("mark"), rest), mark.value]} if rest else mark.value
    return [_set(meta("mark"), value), _set(CONNECTION_MARK, meta("mark"))]


def _bits(left: Expression, mask: int) -> Expression:
    return left if mask == ALL_BITS else {"&": [left, mask]}


def _set(key: Expression, value: Any) -> Expression:
    return {"mangle": {"key": key, "value": value}}


def opens_tcp() -> list[Expression]:
    """Match the packet by which an end opens a TCP connection."""
    return [protocol_in([TCP]), flags_are(FlagMatch(value=SYN, mask=SYN | RST))]


def largest_segment(size: int) -> Expression:
    """Lower the largest segment that is announced, in bytes of payload; the kernel never raises it."""
    return _set(SEGMENT_SIZE, size)


def interval(version: Version, item: Interval) -> Any:
    """Return an interval of addresses: one address, a prefix, or a range."""
    first, last = item
    if first == last:
        return spelled(version, first)
    network = single_network(version, first, last)
    if network is None:
        return {"range": [spelled(version, first), spelled(version, last)]}
    return {"prefix": {"addr": str(network.network_address), "len": network.prefixlen}}


def host(version: Version, number: int) -> Any:
    """Return an address as an element of a set without intervals, written out."""
    return {"elem": {"val": spelled(version, number)}}


def value_of(kind: Version | Literal[0], item: Interval) -> Any:
    """Return addresses of a family as a prefix or range, or ports (0)."""
    first, last = item
    if first < last:
        return interval(kind, item) if kind else {"range": [first, last]}
    return {"prefix": {"addr": spelled(kind, first), "len": 32 if kind == 4 else 128}} if kind else first


def way_by(key: Expression, ways: str) -> Expression:
    """Jump to the chain that a map has for the packet; go on where it has none."""
    return {"vmap": {"key": key, "data": f"@{ways}"}}


def count_by(key: Expression, counters: str) -> Expression:
    """Count in the counter that a map has for the packet; go on with the next rule where it has none."""
    return {"counter": {"map": {"key": key, "data": f"@{counters}"}}}


def prefix_of(version: Version, name: str, bits: int) -> Expression:
    """Name ``saddr`` or ``daddr`` without the bits behind a prefix of so many."""
    field, width = payload(IP[version], name), 32 if version == 4 else 128
    if bits == width:
        return field
    return {"&": [field, str(address(version, (1 << width) - (1 << width - bits)))]}


def address_in(version: Version, name: str, addresses: AddressSet) -> Expression:
    """Match ``saddr`` or ``daddr`` against addresses of the family; an alias by its named set."""
    left = payload(IP[version], name)
    if addresses.alias is not None:
        return match(left, f"@{set_reference(alias_set(addresses.alias), version)}")
    return match(left, any_of([interval(version, item) for item in addresses.intervals(version)]))


def in_set(version: Version, name: str, reference: str, op: str = "==") -> Expression:
    """Match ``saddr`` or ``daddr`` against a named set."""
    return match(payload(IP[version], name), f"@{set_reference(reference, version)}", op)


def translate(verb: str, version: Version, to: Range | IpNetwork, port: Any = None) -> Expression:
    """Rewrite an address by ``dnat`` or ``snat``: to one, to one of a range, or to its place in a prefix.

    A source gets the same address of a range every time (``persistent``).
    """
    found: dict[str, Any] = {"family": IP[version]}
    if isinstance(to, Range):
        one = to.first == to.last
        found["addr"] = str(to.first) if one else {"range": [str(to.first), str(to.last)]}
        found |= {} if one else {"flags": "persistent"}
    elif to.num_addresses == 1:
        found["addr"] = str(to.network_address)
    else:
        found["addr"] = {"prefix": {"addr": str(to.network_address), "len": to.prefixlen}}
        found["flags"] = "netmap"
    return {verb: found if port is None else {**found, "port": port}}


def counted_in(version: Version, reference: str, *what: Expression, host_bits: int = 0) -> Expression:
    """Put the source into a set that the kernel fills, and hold it against a limit of its own.

    ``host_bits`` are left out of the source, from the right.
    """
    source = payload(IP[version], "saddr")
    if host_bits:
        width = 32 if version == 4 else 128
        source = {"&": [source, str(address(version, (1 << width) - (1 << host_bits)))]}
    fields = {"op": "update", "elem": source, "set": f"@{reference}"}
    return {"set": {**fields, "stmt": list(what)} if what else fields}


def alias_set(alias: str) -> str:
    """Return the name of an alias's set."""
    return f"alias/{alias}"


def connection_is(*states: str) -> Expression:
    """Match the state of the connection in conntrack."""
    return match({"ct": {"key": "state"}}, list(states) if len(states) > 1 else states[0], "in")


CONNECTION_MARK: Expression = {"ct": {"key": "mark"}}


def restore_mark(mask: int = ALL_BITS) -> tuple[Expression, Expression]:
    """Give a packet the mark of its connection, or some bits of that."""
    kept = bits_of_connection(mask)
    return match(kept, 0, "!="), _set(meta("mark"), kept)


def bits_of_connection(mask: int) -> Expression:
    """Return some bits of the connection's mark."""
    return _bits(CONNECTION_MARK, mask)


def bits_of_packet(mask: int) -> Expression:
    """Return some bits of the packet's mark."""
    return _bits(meta("mark"), mask)


def mark_packet(value: Any) -> Expression:
    """Give the packet a mark."""
    return _set(meta("mark"), value)


def set_class(version: Version, dscp: int) -> Expression:
    """Write a class of service into the header of the family."""
    return _set(payload(IP[version], "dscp"), dscp)


def mark_connection(bits: int) -> Expression:
    """Add bits to the connection's mark."""
    return _set(CONNECTION_MARK, {"|": [CONNECTION_MARK, bits]})


TRANSLATED = match({"ct": {"key": "status"}}, "dnat", "in")
"""The connection's destination was translated."""
UNKNOWN_BEFORE = match({"&": [{"ct": {"key": "status"}}, 8]}, 0)
"""The very first packet: conntrack has not kept the connection yet (IPS_CONFIRMED)."""
FOR_ROUTER = match({"fib": {"result": "type", "flags": ["daddr"]}}, "local")
"""The destination is an address of the router, whichever it has just now."""
NO_WAY_BACK = match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, right=False)
"""No route leads to the source by the interface that the packet came in by."""


def asked_for(version: Version, addresses: AddressSet) -> Expression:
    """Match the destination that the connection had before translation."""
    left = {"ct": {"key": f"{IP[version]} daddr", "dir": "original"}}
    return match(left, any_of([interval(version, item) for item in addresses.intervals(version)]))
