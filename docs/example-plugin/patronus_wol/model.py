# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``plugins/wol``: the machines that the router can wake."""

from __future__ import annotations

from pydantic import Field

from patronus.core.model import Section, Strict
from patronus.core.values import Id, InterfaceId, MacAddress, Name, Port


class Target(Strict):
    """One machine that sleeps."""

    id: Id = Field(description="stable name of the machine, such as nas")
    name: Name | None = Field(default=None, description="what people call it")
    mac: MacAddress = Field(description="MAC of its network card")
    interface: InterfaceId = Field(description="the router's interface on whose network it sleeps")


class WakeOnLan(Strict):
    """All machines, and how they are woken."""

    port: Port = Field(default=9, description="UDP port to which the magic packet goes")
    targets: tuple[Target, ...] = Field(default=(), description="the machines")


SECTION = Section("plugins/wol", WakeOnLan)
