# SPDX-License-Identifier: GPL-2.0-or-later
"""What names a machine, a place or a person: DUID, place on a bus, key, country, mail address, host and port.

All are checked by form alone: whether a thing of that name exists is for others to find out.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from patronus.core.values import metadata
from patronus.core.values.addresses import parse_address, parse_ipv6_address
from patronus.core.values.names import parse_domain_name
from patronus.core.values.quantities import parse_port
from patronus.core.values.refusal import Refused, shown, text_of

_HEX_ALLOWED = "bytes in hexadecimal, such as 0a1b2c or 0a:1b:2c"
_HEX_PATTERN = "[0-9A-Fa-f]{2}([:-]?[0-9A-Fa-f]{2})*"
_DUID_ALLOWED = "3 to 130 bytes in hexadecimal, its type first, such as 00:03:00:01:52:54:00:00:00:01"
_IAID_ALLOWED = "a number of 32 bits, or 4 bytes in hexadecimal"
_PATH = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_PATH_ALLOWED = "udev's ID_PATH, such as pci-0000:00:02.0"
_PCI = re.compile(r"([0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_KEY_ALLOWED = "32 bytes in base64, 44 characters, as wg pubkey prints them"
_COUNTRY_ALLOWED = "two letters, such as DE (ISO 3166-1)"
_COUNTRY_LONG = {"UK": "GB", "EL": "GR"}
_MAIL_ALLOWED = "name@domain"
_MAIL_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_SOCKET_ALLOWED = "host:port, such as vpn.example:51820 or [2001:db8::1]:51820"
_SUFFIX_ALLOWED = "the last 64 bits of an IPv6 address, such as ::1"


def parse_hex_bytes(value: Any, least: int = 1, most: int = 255) -> str:
    """Return so many bytes as lower-case hex without separators. Raises Refused."""
    text = text_of(value, "bytes in hexadecimal", _HEX_ALLOWED).lower()
    if not re.fullmatch(_HEX_PATTERN, text):
        raise Refused(f"{shown(value)} are no bytes in hexadecimal", _HEX_ALLOWED)
    text = text.replace(":", "").replace("-", "")
    if not least <= len(text) // 2 <= most:
        raise Refused(f"{shown(value)} has {len(text) // 2} bytes", f"{least} to {most} bytes in hexadecimal")
    return text


def parse_duid(value: Any) -> str:
    """Return a DUID as lower-case hex (RFC 8415 section 11). Raises Refused."""
    try:
        text = parse_hex_bytes(value, 3, 130)
    except Refused:
        raise Refused(f"{shown(value)} is not a DUID", _DUID_ALLOWED) from None
    if not 1 <= int(text[:4], 16) <= 4:
        raise Refused(f"{shown(value)} is a DUID of no known type", _DUID_ALLOWED, "types are 0001 to 0004")
    return text


def parse_iaid(value: Any) -> int:
    """Return the identity association's number (RFC 8415 section 12). Raises Refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        try:
            number = int(parse_hex_bytes(value, 4, 4), 16)
        except Refused:
            raise Refused(f"{shown(value)} is not an IAID", _IAID_ALLOWED) from None
    if not 0 <= number < 2**32:
        raise Refused(f"{shown(value)} is not an IAID", _IAID_ALLOWED)
    return number


def parse_device_path(value: Any) -> str:
    """Return a place on a bus as udev writes it in ID_PATH. Raises Refused."""
    text = text_of(value, "a place on the bus", _PATH_ALLOWED)
    if not _PATH.fullmatch(text):
        raise Refused(f"{shown(value)} is not a place on the bus", _PATH_ALLOWED)
    if _PCI.fullmatch(text.lower()):
        full = text.lower() if text.count(":") == 2 else f"0000:{text.lower()}"
        raise Refused(f"{text} lacks the name of its bus", _PATH_ALLOWED, f"did you mean pci-{full}?")
    return text


def parse_public_key(value: Any) -> str:
    """Return a Curve25519 public key in base64. Raises Refused."""
    text = text_of(value, "a public key", _KEY_ALLOWED)
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32 or base64.b64encode(key).decode() != text:
        raise Refused(f"{shown(value)} is not a public key", _KEY_ALLOWED)
    return text


def parse_country(value: Any) -> str:
    """Return a country's code in capitals. Raises Refused."""
    if value is False:
        raise Refused("false is not a country", _COUNTRY_ALLOWED, 'YAML reads no as false: write "NO"')
    text = text_of(value, "a country", _COUNTRY_ALLOWED).upper()
    if not re.fullmatch("[A-Z]{2}", text):
        raise Refused(f"{shown(value)} is not a country", _COUNTRY_ALLOWED)
    if known := _COUNTRY_LONG.get(text):
        raise Refused(f"{text} is not a code of ISO 3166-1", _COUNTRY_ALLOWED, f"did you mean {known}?")
    return text


def parse_mail_address(value: Any) -> str:
    """Return a mail address without quotes in it (RFC 5321 section 4.1.2). Raises Refused."""
    text = text_of(value, "a mail address", _MAIL_ALLOWED)
    name, at, domain = text.rpartition("@")
    try:
        domain = parse_domain_name(domain) if at else ""
    except Refused:
        domain = ""
    if not _MAIL_NAME.fullmatch(name) or len(name) > 64 or not domain:
        raise Refused(f"{shown(value)} is not a mail address", _MAIL_ALLOWED)
    return f"{name}@{domain}"


@dataclass(frozen=True)
class Socket:
    """A host, by name or address, and a port on it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_host_port(value: Any) -> Socket:
    """Return ``vpn.example:51820`` or ``[2001:db8::1]:51820``. Raises Refused."""
    if isinstance(value, Socket):
        return value
    text = text_of(value, "host:port", _SOCKET_ALLOWED)
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or (":" in host and not bracketed):
        hint = f"did you mean [{text}]:PORT?" if ":" in host else "the port is missing"
        raise Refused(f"{shown(value)} is not host:port", _SOCKET_ALLOWED, hint)
    try:
        if bracketed:
            return Socket(str(parse_ipv6_address(host[1:-1])), parse_port(port))
        return Socket(_host(host), parse_port(port))
    except Refused as refused:
        raise Refused(f"{shown(value)} is not host:port: {refused.message}", _SOCKET_ALLOWED) from None


def _host(text: str) -> str:
    is_address = text.replace(".", "").isdigit()
    return str(parse_address(text)) if is_address else parse_domain_name(text)


def parse_interface_suffix(value: Any) -> IPv6Address:
    """Return an address whose first 64 bits are zero (RFC 4291 section 2.5.1). Raises Refused."""
    address = parse_ipv6_address(value)
    if int(address) >> 64:
        hint = f"did you mean {IPv6Address(int(address) & (2**64 - 1))}?"
        raise Refused(f"{shown(value)} has a prefix", _SUFFIX_ALLOWED, hint)
    if not int(address):
        raise Refused(f"{shown(value)} is the subnet's own address (RFC 4291 section 2.6.1)", _SUFFIX_ALLOWED)
    return address


HexBytes = Annotated[
    str, PlainValidator(parse_hex_bytes), metadata.text(_HEX_ALLOWED, "0a1b2c", pattern=_HEX_PATTERN)
]
"""1 to 255 bytes."""
Duid = Annotated[
    str,
    PlainValidator(parse_duid),
    metadata.text(_DUID_ALLOWED, "00030001525400000001", pattern=_HEX_PATTERN),
]
"""A DHCPv6 client's or server's unique identifier."""
Iaid = Annotated[
    int,
    PlainValidator(parse_iaid),
    metadata.number_or_text(0, 2**32 - 1, _IAID_ALLOWED, 1, pattern=_HEX_PATTERN),
]
"""The number of an identity association."""
DevicePath = Annotated[
    str,
    PlainValidator(parse_device_path),
    metadata.text(_PATH_ALLOWED, "pci-0000:00:02.0", pattern=_PATH.pattern),
]
"""A place on a bus."""
PublicKey = Annotated[
    str,
    PlainValidator(parse_public_key),
    metadata.text(_KEY_ALLOWED, "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", pattern="[A-Za-z0-9+/]{43}="),
]
"""A WireGuard peer's public key."""
Country = Annotated[
    str, PlainValidator(parse_country), metadata.text(_COUNTRY_ALLOWED, "DE", pattern="[A-Za-z]{2}")
]
"""A country."""
MailAddress = Annotated[
    str,
    PlainValidator(parse_mail_address),
    metadata.text(_MAIL_ALLOWED, "admin@home.example", pattern=r"[^@\s]+@[^@\s]+"),
]
"""A mail address."""
HostPort = Annotated[
    Socket,
    PlainValidator(parse_host_port),
    PlainSerializer(str, return_type=str, when_used="json"),
    metadata.text(_SOCKET_ALLOWED, "vpn.example:51820", pattern=r"\S+:[0-9]{1,5}"),
]
"""A host and a port."""
InterfaceSuffix = Annotated[
    IPv6Address,
    PlainValidator(parse_interface_suffix),
    PlainSerializer(str, return_type=str, when_used="json"),
    metadata.text(_SUFFIX_ALLOWED, "::1", pattern=r"[0-9A-Fa-f:.]+"),
]
"""The host part of an IPv6 address; the prefix comes from elsewhere."""
