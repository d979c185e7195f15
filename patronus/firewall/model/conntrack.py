# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``firewall/conntrack``: how many connections are remembered, and how long without a packet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from patronus.core.model import Strict
from patronus.core.values import Duration, Refused, write_duration

SMALLEST, LARGEST = 4096, 4_194_304
SHORTEST_S, LONGEST_S = 1, 99 * 86400
"""Without a second nothing is remembered, and no answer comes in. The kernel counts ticks, up to 2**31."""


class Timeouts(Strict):
    """After how long without a packet a connection is forgotten; the defaults are the kernel's."""

    tcp_syn_sent: Duration = Field(default=120, description="asked for, not answered")
    tcp_syn_received: Duration = Field(default=60, description="answered, not confirmed")
    tcp_established: Duration = Field(default=432_000, description="open")
    tcp_fin_wait: Duration = Field(default=120, description="one side has closed")
    tcp_close_wait: Duration = Field(default=60, description="the other side has still to close")
    tcp_last_ack: Duration = Field(default=30, description="both have closed, the last word is missing")
    tcp_time_wait: Duration = Field(default=120, description="closed, late packets may come")
    tcp_close: Duration = Field(default=10, description="reset")
    udp: Duration = Field(default=30, description="UDP that was seen one way, or just once each way")
    udp_stream: Duration = Field(default=120, description="UDP that goes both ways")
    icmp: Duration = Field(default=30, description="ICMP")
    icmpv6: Duration = Field(default=30, description="ICMPv6")
    generic: Duration = Field(default=600, description="all other protocols")

    @field_validator("*")
    @classmethod
    def _in_bounds(cls, seconds: int) -> int:
        if not SHORTEST_S <= seconds <= LONGEST_S:
            allowed = f"{write_duration(SHORTEST_S)} to {write_duration(LONGEST_S)}"
            word = "short" if seconds < SHORTEST_S else "long"
            raise Refused(f"{write_duration(seconds)} is too {word}", allowed)
        return seconds


class Tracking(Strict):
    """The table of connections: its size, how long it remembers, helpers, offload."""

    table_size: Annotated[int, Field(ge=SMALLEST, le=LARGEST, strict=True)] | Literal["auto"] = Field(
        default="auto", description="connections at a time; auto: a sixteenth of the memory may be theirs"
    )
    offload: bool = Field(
        default=False, description="packets of open connections go past the rules, on the kernel's flow table"
    )
    xdp_forwarding: bool = Field(
        default=False,
        description="with offload: XDP sends those packets on, between cards that have it in their driver",
    )
    timeouts: Timeouts = Field(default=Timeouts.unsaid(), description="when they are forgotten")
