# SPDX-License-Identifier: GPL-2.0-or-later
"""What the links shall be: roles bound to devices, and the links, addresses, routes and clients wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from patronus.core.feature import Plan
from patronus.core.link import IpInterface, LinkWanted, Route
from patronus.core.problem import Problem
from patronus.network.interfaces.learned import Learned


@dataclass(frozen=True)
class DhcpClient:
    """A device on which dhcpcd shall run: which families, and the length of the prefix to ask for.

    ``metric`` is that of the default route; the smaller wins.
    """

    role: str
    device: str
    metric: int
    ipv4: bool = False
    ipv6: Literal["dhcp", "slaac"] | None = None
    prefix_hint: int | None = None


@dataclass(frozen=True)
class InterfacesPlan(Plan):
    """The plan of the links; every later feature reads it.

    ``devices``    role → kernel name; None where the NIC is missing or cannot be told from another.
    ``zones``      zone → its roles in the order of the file, those without a device too.
    ``addresses``  role → the static addresses that it shall have, also where the device is missing.
    ``learned``    role → what the uplink gave, for roles that ask for something.
    ``links``      those to be up, parents before children, members before nothing; ``idle`` NICs stay down.
    ``warnings``   NICs that are missing, changed or ambiguous; they never refuse a change.
    """

    devices: Mapping[str, str | None] = field(default_factory=dict)
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: Mapping[str, tuple[IpInterface, ...]] = field(default_factory=dict)
    learned: Mapping[str, Learned] = field(default_factory=dict)
    links: tuple[LinkWanted, ...] = ()
    idle: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    clients: tuple[DhcpClient, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def devices_of(self, zone: str) -> tuple[str, ...]:
        """Return the devices that exist in the zone."""
        found = (self.devices.get(role) for role in self.zones.get(zone, ()))
        return tuple(device for device in found if device is not None)
