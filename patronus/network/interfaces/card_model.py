# SPDX-License-Identifier: GPL-2.0-or-later
"""How the network card of a role works; what is left out stays as its driver has it."""

from __future__ import annotations

from pydantic import Field

from patronus.core.model import Strict


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
