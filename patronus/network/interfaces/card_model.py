# SPDX-License-Identifier: GPL-2.0-or-later
"""How the network card of a role works; what is left out stays as its driver has it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from patronus.core.model import Strict

RingSize = Annotated[int, Field(ge=1, le=65536, strict=True)]
"""Packets; no driver of Linux has longer rings."""
QueueCount = Annotated[int, Field(ge=1, le=1024, strict=True)]
"""Queues; no driver of Linux has more."""


class Rings(Strict):
    """How many packets wait where the card and the kernel meet; too few lose packets in bursts."""

    receive: RingSize | None = Field(default=None, description="of those that have come in, in packets")
    transmit: RingSize | None = Field(default=None, description="of those that go out, in packets")


class Offloads(Strict):
    """Work that the card, or the kernel for many packets at once, takes over; the names are ethtool's."""

    tso: bool | None = Field(default=None, description="the card cuts large segments of TCP")
    gso: bool | None = Field(default=None, description="the kernel cuts large packets last of all")
    gro: bool | None = Field(default=None, description="the kernel joins packets of a stream as they come")
    rx_gro_hw: bool | None = Field(
        default=None, alias="rx-gro-hw", description="the card joins them, so that they can be cut again"
    )
    rx_udp_gro_forwarding: bool | None = Field(
        default=None, alias="rx-udp-gro-forwarding", description="UDP that passes through is joined, too"
    )
    lro: bool | None = Field(
        default=None, description="the card joins them for good; a router has it off, whatever the card does"
    )
    rx: bool | None = Field(default=None, description="the card looks at checksums of what comes in")
    tx: bool | None = Field(default=None, description="the card makes checksums of what goes out")
    sg: bool | None = Field(default=None, description="the card sends what lies in pieces")
    rxvlan: bool | None = Field(default=None, description="the card takes tags of VLANs off")
    txvlan: bool | None = Field(default=None, description="the card puts tags of VLANs on")
    rxhash: bool | None = Field(default=None, description="the card gives each packet the hash of its stream")
