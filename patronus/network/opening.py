# SPDX-License-Identifier: GPL-2.0-or-later
"""Openings: what a feature asks the firewall to let in to the router itself, as part of its plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Opening:
    """One service of the router that a zone shall reach.

    ``zone``      the zone's id; every interface of the zone is meant.
    ``protocol``  transport protocol; a service on both is two openings.
    ``ports``     destination ports on the router, 1 to 65535, at least one.
    ``why``       the service's name as ``self_services`` in ``firewall/zones`` uses it: ``dhcp``, ``dns``,
                  ``web``.
    """

    zone: str
    protocol: Literal["tcp", "udp"]
    ports: tuple[int, ...]
    why: str
