# SPDX-License-Identifier: GPL-2.0-or-later
"""Openings: what a feature asks the firewall to let in to the router itself, as part of its plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from patronus.core.link import IpNetwork

NUMBERS = {"tcp": 6, "udp": 17, "ospf": 89, "gre": 47}
"""What the protocols are called in a packet (IANA)."""


@dataclass(frozen=True)
class Opening:
    """One service of the router that a zone shall reach.

    ``zone``      the zone's id; every interface of the zone is meant.
    ``protocol``  transport protocol, a service on both is two openings; or ``ospf`` or ``gre``,
                  which have no ports.
    ``ports``     destination ports on the router, 1 to 65535; at least one where the protocol has some.
    ``why``       the service's name as ``self_services`` in ``firewall/zones`` uses it: ``dhcp``, ``dns``,
                  ``mappings``, ``mdns``, ``ntp``, ``vxlan``, ``gre``, ``web``, ``bgp``, ``ospf``, ``bfd``.
    ``sources``   who may ask; empty: everybody in the zone.
    ``interface`` the one interface of the zone that is meant; None: all.
    """

    zone: str
    protocol: Literal["tcp", "udp", "ospf", "gre"]
    ports: tuple[int, ...]
    why: str
    sources: tuple[IpNetwork, ...] = ()
    interface: str | None = None
