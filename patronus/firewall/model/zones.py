# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``firewall/zones``: how zones may speak when no rule says otherwise."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from patronus.core.model import Strict
from patronus.core.values import Id, ZoneId

SELF = "self"
"""The zone that is the router itself."""
Action = Literal["allow", "drop", "reject"]
Verdict = Literal["allow", "drop", "reject", "queue"]
"""What ends a packet's way through the rules; behind ``queue`` a program decides, which nobody foresees."""


class Zone(Strict):
    """One zone.

    ``to`` says, per zone (``self`` is the router), what happens to what no rule decides; a zone not named
    there gets the default. ``self_services`` limits which of the router's services the zone reaches
    (``dhcp``, ``dns``, ``mappings``, ``mdns``, ``ntp``, ``vxlan``, ``gre``, ``web``, ``bgp``, ``ospf``,
    ``bfd``); left out, it reaches all that listen there.
    """

    id: ZoneId = Field(description="name of the zone, such as lan")
    to: dict[ZoneId, Action] = Field(
        default_factory=dict,
        description="zone, or self for the router → what happens to what no rule decides",
        examples=[{"wan": "allow", "self": "allow"}],
    )
    self_services: tuple[Id, ...] | None = Field(
        default=None,
        description="reached: dhcp, dns, mappings, mdns, ntp, vxlan, gre, web, bgp, ospf, bfd; left out: all",
    )


class Zones(Strict):
    """The zones, and how they may speak where no rule decides; left out: the LAN gets out and nothing in."""

    zones: tuple[Zone, ...] = Field(default=(), description="the zones")
    default: Literal["drop", "reject"] = Field(default="drop", description="what happens to the rest")
