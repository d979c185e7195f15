# SPDX-License-Identifier: GPL-2.0-or-later
"""What the DHCP feature tells others on the bus: leases as they come and go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from patronus.core.bus import Event


@dataclass(frozen=True)
class LeaseEntry:
    """A lease; ``start`` and ``end`` are seconds since the epoch, ``client`` is the server's key.

    ``state`` is active, expired, released or declined. Where a router has a whole prefix, that is the
    address, and ``via`` the link-local address of the router.
    """

    network: str
    interface: str
    client: str
    address: str
    mac: str
    hostname: str
    start: int
    end: int
    state: str
    via: str = ""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> LeaseEntry:
        """Return what the server process sent. Raises KeyError."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name != "via" or name in data})


@dataclass(frozen=True)
class LeaseChanged(Event):
    """One lease changed: granted, renewed, released, declined, expired or removed."""

    kind: ClassVar[str] = "dhcp.LeaseChanged"
    action: str
    lease: LeaseEntry


@dataclass(frozen=True)
class LeasesKnown(Event):
    """The server is there (again): these are all active leases, whatever was known before."""

    kind: ClassVar[str] = "dhcp.LeasesKnown"
    leases: tuple[LeaseEntry, ...]
