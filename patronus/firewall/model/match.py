# SPDX-License-Identifier: GPL-2.0-or-later
"""What a rule may match on: addresses, aliases, protocols, ICMP types; each parsed once, here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, TypeVar

from pydantic import PlainSerializer, PlainValidator

from patronus.core.values import (
    PortRange,
    Range,
    Refused,
    metadata,
    parse_address_range,
    parse_dscp,
    parse_id,
    parse_port_range,
    parse_prefix,
    plain_prefix,
    shown,
    write_prefix,
)

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
NUMBERS = {
    "icmp": ICMP, "igmp": 2, "ipip": 4, "tcp": TCP, "udp": UDP, "dccp": 33, "gre": 47, "esp": 50, "ah": 51,
    "icmpv6": ICMPV6, "ospf": 89, "pim": 103, "vrrp": 112, "l2tp": 115, "sctp": 132, "udplite": 136,
}  # fmt: skip
"""Names of protocols that a file may use (IANA, Assigned Internet Protocol Numbers)."""
NAMES = {number: name for name, number in NUMBERS.items()}
WITH_PORTS = frozenset({TCP, UDP, 33, 132, 136})
"""Protocols whose header starts with source and destination port."""

ICMP_TYPES = {
    "echo-reply": 0, "destination-unreachable": 3, "redirect": 5, "echo-request": 8,
    "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "parameter-problem": 12,
    "timestamp-request": 13, "timestamp-reply": 14,
}  # fmt: skip
"""Names of ICMP types (RFC 792, RFC 1256)."""
ICMPV6_TYPES = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4,
    "echo-request": 128, "echo-reply": 129, "router-solicitation": 133, "router-advertisement": 134,
    "neighbour-solicitation": 135, "neighbour-advertisement": 136, "redirect": 137,
}  # fmt: skip
"""Names of ICMPv6 types (RFC 4443, RFC 4861)."""
_ADDRESS_ALLOWED = "a prefix, an address, a range first-last, @alias, or a list of them"
_LITERAL_ALLOWED = "prefixes, addresses and ranges first-last"
_PORT_ALLOWED = 'a port, a range "1000-2000", @alias, or a list of them'
_ICMP_ALLOWED = "an ICMP type's name or number 0-255, or a list of them"
_DSCP_ALLOWED = "0-63, a class such as ef, af41 or cs1, or a list of them"
STATES = ("new", "established", "related", "invalid")
"""What conntrack holds of a packet's connection."""
_STATES_ALLOWED = f"{', '.join(STATES)}, or a list of them"
_PROTOCOL_ALLOWED = "a protocol's name or number 0-255, or a list of them"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AliasName:
    """A reference to an alias, written ``@admins``."""

    id: str

    def __str__(self) -> str:
        return f"@{self.id}"


@dataclass(frozen=True, order=True, slots=True)
class Protocol:
    """A protocol above IP, by its number."""

    number: int

    def __str__(self) -> str:
        return NAMES.get(self.number, str(self.number))


AddressMatch = IPv4Network | IPv6Network | Range | AliasName
PortMatch = PortRange | AliasName


def _many(value: Any, parse: Callable[[Any], T], allowed: str) -> tuple[T, ...]:
    """Return one value or a list of them as a tuple; an empty list is refused: it would match nothing."""
    if not isinstance(value, list | tuple):
        return (parse(value),)
    if not value:
        raise Refused("an empty list matches nothing", allowed, "leave the key out to match anything")
    return tuple(map(parse, value))


def _alias(text: str) -> AliasName:
    return AliasName(parse_id(text.removeprefix("@")))


def parse_address_match(value: Any) -> AddressMatch:
    """Return a prefix, a range or ``@alias``. Raises Refused."""
    if isinstance(value, str):
        if value.startswith("@"):
            return _alias(value)
        return parse_address_range(value) if "-" in value else parse_prefix(value)
    return value if isinstance(value, AddressMatch) else parse_prefix(value)


def _addresses(value: Any) -> tuple[AddressMatch, ...]:
    """Return one address or a list of them; one plain prefix, as most rules have, by the shortest way."""
    only = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(only, str) and (prefix := plain_prefix(only)) is not None:
        return (prefix,)
    return _many(value, parse_address_match, _ADDRESS_ALLOWED)


def parse_literal_address(value: Any) -> IPv4Network | IPv6Network | Range:
    """Return a prefix or a range; an alias cannot stand in an alias. Raises Refused."""
    match = parse_address_match(value)
    if isinstance(match, AliasName):
        raise Refused(f"{match} stands inside an alias", "a prefix, an address or a range")
    return match


def parse_port_match(value: Any) -> PortMatch:
    """Return a port, a range or ``@alias``. Raises Refused."""
    if isinstance(value, str) and value.startswith("@"):
        return _alias(value)
    return value if isinstance(value, AliasName) else parse_port_range(value)


def _ports(value: Any) -> tuple[PortMatch, ...]:
    """Return one port or a list of them; one number, as most rules have, by the shortest way."""
    only = value[0] if isinstance(value, list) and len(value) == 1 else value
    if type(only) is int and 1 <= only <= 65535:
        return (PortRange(only, only),)
    return _many(value, parse_port_match, _PORT_ALLOWED)


def parse_protocol(value: Any) -> Protocol:
    """Return a protocol from its name or number. Raises Refused."""
    if isinstance(value, Protocol):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= 255:
            raise Refused(f"{value} is not a protocol", _PROTOCOL_ALLOWED)
        return Protocol(value)
    text = str(value).strip().lower()
    text = {"icmp6": "icmpv6", "ipv6-icmp": "icmpv6"}.get(text, text)
    if text.isascii() and text.isdigit() and int(text) <= 255:
        return Protocol(int(text))
    if text not in NUMBERS:
        close = get_close_matches(text, NUMBERS, 1)
        hint = f"did you mean {close[0]}?" if close else "leave the key out to match any protocol"
        raise Refused(f"{shown(value)} is not a protocol", _PROTOCOL_ALLOWED, hint)
    return Protocol(NUMBERS[text])


def _protocols(value: Any) -> tuple[Protocol, ...]:
    """Return one protocol or a list of them; one by its name is the same for all rules that have it."""
    return _protocol(value) if isinstance(value, str) else _many(value, parse_protocol, _PROTOCOL_ALLOWED)


@lru_cache(maxsize=256)
def _protocol(name: str) -> tuple[Protocol, ...]:
    return (parse_protocol(name),)


def parse_icmp_type(value: Any) -> str | int:
    """Return the type's name, or its number 0-255. Raises Refused."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255:
        return value
    names = sorted(ICMP_TYPES.keys() | ICMPV6_TYPES.keys())
    if isinstance(value, str) and value in names:
        return value
    close = get_close_matches(str(value), names, 1)
    hint = f"did you mean {close[0]}?" if close else None
    raise Refused(f"{shown(value)} is not an ICMP type", f"0-255, {', '.join(names)}", hint)


def parse_state(value: Any) -> str:
    """Return the name of a connection's state. Raises Refused."""
    if value in STATES:
        return str(value)
    close = get_close_matches(str(value), STATES, 1)
    hint = f"did you mean {close[0]}?" if close else None
    raise Refused(f"{shown(value)} is not a state of a connection", _STATES_ALLOWED, hint)


def _write(items: tuple[Any, ...]) -> Any:
    """Return the items as a person writes them: one alone without the list."""
    written = [_write_one(item) for item in items]
    return written[0] if len(written) == 1 else written


def _write_one(item: Any) -> str | int:
    if isinstance(item, IPv4Network | IPv6Network):
        return write_prefix(item)
    if isinstance(item, PortRange) and item.first == item.last:
        return item.first
    return item if isinstance(item, int) else str(item)


def _schema(written: str, *examples: Any, numbers: bool = False) -> metadata.Shape:
    one: list[dict[str, Any]] = [{"type": "string"}]
    if numbers:
        one.append({"type": "integer", "minimum": 0, "maximum": 65535})
    many = {"type": "array", "items": {"anyOf": one}, "minItems": 1}
    return metadata.Shape({"anyOf": [*one, many], metadata.WRITTEN: written, "examples": list(examples)})


_TO_JSON = PlainSerializer(_write, when_used="json")
Addresses = Annotated[
    tuple[AddressMatch, ...],
    PlainValidator(_addresses),
    _TO_JSON,
    _schema(_ADDRESS_ALLOWED, "192.168.1.0/24", "@admins"),
]
"""Prefixes, ranges and aliases; one of them has to fit."""
LiteralAddresses = Annotated[
    tuple[IPv4Network | IPv6Network | Range, ...],
    PlainValidator(
        lambda value: tuple(map(parse_literal_address, value if isinstance(value, list) else [value]))
    ),
    PlainSerializer(lambda items: [_write_one(item) for item in items], when_used="json"),
    _schema(_LITERAL_ALLOWED, ["192.168.1.10", "192.168.1.16/28"]),
]
"""Prefixes and ranges; may be empty."""
PortMatches = Annotated[
    tuple[PortMatch, ...],
    PlainValidator(_ports),
    _TO_JSON,
    _schema(_PORT_ALLOWED, 22, "1000-2000", "@web", numbers=True),
]
"""Ports, ranges and aliases."""
Protocols = Annotated[
    tuple[Protocol, ...],
    PlainValidator(_protocols),
    _TO_JSON,
    _schema(_PROTOCOL_ALLOWED, "tcp", ["tcp", "udp"], numbers=True),
]
"""One protocol or several."""
IcmpTypes = Annotated[
    tuple[str | int, ...],
    PlainValidator(lambda value: _many(value, parse_icmp_type, _ICMP_ALLOWED)),
    _TO_JSON,
    _schema(_ICMP_ALLOWED, "echo-request", numbers=True),
]
"""One ICMP type or several."""
DscpClasses = Annotated[
    tuple[int, ...],
    PlainValidator(lambda value: _many(value, parse_dscp, _DSCP_ALLOWED)),
    _TO_JSON,
    _schema(_DSCP_ALLOWED, "ef", ["af41", "af42"], numbers=True),
]
"""One class of service or several."""
ConnectionStates = Annotated[
    tuple[str, ...],
    PlainValidator(lambda value: _many(value, parse_state, _STATES_ALLOWED)),
    _TO_JSON,
    _schema(_STATES_ALLOWED, "new", ["new", "established"]),
]
"""One state of a connection or several."""
