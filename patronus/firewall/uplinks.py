# SPDX-License-Identifier: GPL-2.0-or-later
"""Which interfaces lead out to the world, as the files have it. Pure."""

from __future__ import annotations

from patronus.core.model import Configuration
from patronus.network.interfaces.model import Interface, Interfaces


def leads_out(item: Interface) -> bool:
    """Return whether an interface has a gateway, or asks a provider for one."""
    asks = item.ipv4.method in ("dhcp", "pppoe") or item.ipv6.method in ("dhcp", "slaac")
    return asks or item.ipv4.gateway is not None or item.ipv6.gateway is not None


def uplink_zones(config: Configuration) -> frozenset[str]:
    """Return the zones with an interface that leads out."""
    found = config.get(Interfaces).interfaces
    return frozenset(item.zone for item in found if item.zone is not None and leads_out(item))
