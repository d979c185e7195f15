# SPDX-License-Identifier: GPL-2.0-or-later
"""What the dialler tells of its uplink, in a file: whether it is up, what it was given, why not. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address
from typing import Any


@dataclass(frozen=True)
class Report:
    """How an uplink stands.

    ``since_s``  when it came up, in seconds of CLOCK_BOOTTIME; None while it is down.
    ``peer``     the provider's address; ``concentrator`` the MAC of its access concentrator.
    ``ipv6``     whether both ends have agreed on link-local addresses: DHCPv6 can begin.
    ``error``    why it is down, or why it was the last time, in plain words.
    """

    since_s: float | None = None
    address: IPv4Address | None = None
    peer: IPv4Address | None = None
    dns_servers: tuple[IPv4Address, ...] = ()
    ipv6: bool = False
    concentrator: str | None = None
    error: str | None = None

    @property
    def up(self) -> bool:
        """Return whether the session stands."""
        return self.since_s is not None

    def as_text(self) -> str:
        """Return the file."""
        return json.dumps(asdict(self), default=str)


def parse(text: str) -> Report:
    """Return the report of a file; one that is broken says nothing."""
    found: Any = None
    with suppress(ValueError):
        found = json.loads(text)
    if not isinstance(found, dict):
        return Report()
    since_s, servers = found.get("since_s"), found.get("dns_servers")
    return Report(
        since_s=since_s if isinstance(since_s, int | float) else None,
        address=_address(found.get("address")),
        peer=_address(found.get("peer")),
        dns_servers=tuple(filter(None, map(_address, servers if isinstance(servers, list) else ()))),
        ipv6=found.get("ipv6") is True,
        concentrator=_text(found, "concentrator"),
        error=_text(found, "error"),
    )


def _address(value: Any) -> IPv4Address | None:
    with suppress(ValueError):
        return IPv4Address(str(value))
    return None


def _text(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    return value if isinstance(value, str) else None
