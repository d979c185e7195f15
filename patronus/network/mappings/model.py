# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/mappings``: who may have ports of the uplink forwarded to themselves."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from patronus.core.model import Section, Strict
from patronus.core.values import Id, InterfaceId, PortRange, Ports, Prefix

Protocol = Literal["upnp", "pcp"]
HIGH = (PortRange(1024, 65535),)
"""Ports that hosts may have where nothing is said: none of those that services of the system use."""


class Permission(Strict):
    """Hosts that may ask, and for which ports."""

    id: Id = Field(description="stable name of the permission")
    hosts: tuple[Prefix, ...] = Field(
        default=(),
        description="IPv4 addresses that may ask, each for itself alone; left out: all inside",
    )
    ports: Ports = Field(
        default=HIGH, description="ports that they may have outside, and to which of theirs these may lead"
    )


class Mappings(Strict):
    """Port mappings asked for by hosts; off while no interface is named as inside."""

    outside: InterfaceId | None = Field(default=None, description="the uplink whose ports are given")
    inside: tuple[InterfaceId, ...] = Field(default=(), description="interfaces whose hosts may ask")
    speak: tuple[Protocol, ...] = Field(
        default=("upnp", "pcp"), min_length=1, description="protocols; pcp is NAT-PMP as well"
    )
    allow: tuple[Permission, ...] = Field(
        default=(Permission(id="all"),),
        description="who may ask for what; left out: every host of the interfaces inside, ports from 1024",
    )


SECTION = Section("network/mappings", Mappings)
