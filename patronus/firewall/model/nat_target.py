# SPDX-License-Identifier: GPL-2.0-or-later
"""What a translation translates to: a host with ports, or a pool of addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from patronus.core.values import (
    PortRange,
    Range,
    Refused,
    metadata,
    parse_address,
    parse_address_range,
    parse_port_range,
    parse_prefix,
    shown,
)

_POOL_ALLOWED = "an address, a range first-last, or a prefix"
_TARGET_ALLOWED = "an address, address:port or address:first-last; IPv6 with ports as [address]:port"


@dataclass(frozen=True)
class Target:
    """Where a forwarded connection goes; without ``ports`` it keeps the port that it came for."""

    address: IPv4Address | IPv6Address
    ports: PortRange | None = None

    def __str__(self) -> str:
        if self.ports is None:
            return str(self.address)
        return (
            f"[{self.address}]:{self.ports}" if self.address.version == 6 else f"{self.address}:{self.ports}"
        )


def parse_target(value: Any) -> Target:
    """Return ``192.168.1.30``, ``192.168.1.30:443`` or ``[fd00::1]:443``. Raises Refused."""
    if isinstance(value, Target):
        return value
    text = str(value).strip()
    address, ports = text, ""
    if text.startswith("["):
        address, bracket, ports = text[1:].partition("]")
        if not bracket or (ports and not ports.startswith(":")):
            raise Refused(f"{shown(value)} is not a target", _TARGET_ALLOWED)
        ports = ports.removeprefix(":")
    elif text.count(":") == 1:
        address, _, ports = text.partition(":")
    try:
        return Target(parse_address(address), parse_port_range(ports) if ports else None)
    except Refused as refused:
        raise Refused(f"{shown(value)} is not a target: {refused.message}", _TARGET_ALLOWED) from None


TargetText = Annotated[
    Target,
    PlainValidator(parse_target),
    PlainSerializer(str, return_type=str, when_used="json"),
    metadata.text(_TARGET_ALLOWED, "192.168.1.30:443"),
]
"""An address, perhaps with ports."""


def parse_pool(value: Any) -> Range:
    """Return an address, a range or all addresses of a prefix as a range. Raises Refused."""
    if isinstance(value, str) and "/" in value:
        prefix = parse_prefix(value)
        return Range(prefix[0], prefix[-1])
    try:
        return parse_address_range(value)
    except Refused as refused:
        raise Refused(refused.message, _POOL_ALLOWED, refused.hint) from None


Pool = Annotated[
    Range,
    PlainValidator(parse_pool),
    PlainSerializer(str, return_type=str, when_used="json"),
    metadata.text(_POOL_ALLOWED, "203.0.113.6", "203.0.113.6-203.0.113.9"),
]
"""Addresses to choose from."""
