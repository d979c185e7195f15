# SPDX-License-Identifier: GPL-2.0-or-later
"""A record's value as written in the configuration to its bytes (RFC 1035, 2782, 3596). Pure."""

from __future__ import annotations

import re
import struct
from ipaddress import IPv4Address, IPv6Address

from patronus.network.dns.names import MalformedMessage, wire_name
from patronus.network.dns.wire import Type

TYPES = {name: int(Type[name]) for name in ("A", "AAAA", "CNAME", "TXT", "MX", "SRV", "PTR")}
FORMS = {
    "A": "an IPv4 address",
    "AAAA": "an IPv6 address",
    "CNAME": "a name",
    "PTR": "a name",
    "TXT": "text",
    "MX": "preference and name: 10 mail.home.arpa",
    "SRV": "priority, weight, port and name: 0 5 5060 phone.home.arpa",
}
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9])?\.?")


def record_data(rtype: str, value: str) -> bytes:
    """Return the data of a record of that type. Raises ValueError where the value has not its form."""
    words = value.split()
    match rtype:
        case "A":
            return IPv4Address(value).packed
        case "AAAA":
            return IPv6Address(value).packed
        case "TXT":
            return _strings(value.encode())
        case "MX" if len(words) == 2:
            return _numbers(words[:1]) + _name(words[1])
        case "SRV" if len(words) == 4:
            return _numbers(words[:3]) + _name(words[3])
        case "CNAME" | "PTR" if len(words) == 1:
            return _name(value)
    raise ValueError(f"{value!r} is not {FORMS[rtype]}")


def _strings(text: bytes) -> bytes:
    parts = [text[start : start + 255] for start in range(0, len(text), 255)]
    return b"".join(bytes((len(part),)) + part for part in parts)


def _numbers(words: list[str]) -> bytes:
    values = [int(word) for word in words]
    if any(not 0 <= value <= 65535 for value in values):
        raise ValueError("a number is not between 0 and 65535")
    return struct.pack(f"!{len(values)}H", *values)


def _name(text: str) -> bytes:
    """Return a name that hosts may have."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a name")
    try:
        return wire_name(text)
    except MalformedMessage as error:
        raise ValueError(str(error)) from error
