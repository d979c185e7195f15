# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/qos``: how fast each uplink is, and what is served first on it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from patronus.core.model import Section, Strict
from patronus.core.traffic import Framing
from patronus.core.values import BitRate, Dscp, Id, InterfaceId, MarkMatch, Refused

Direction = Literal["download", "upload"]
Diffserv = Literal["diffserv4", "diffserv3", "besteffort"]
"""CAKE's names for how many degrees of urgency there are: four, three or one."""
Fairness = Literal["hosts", "flows"]
LinkType = Literal[
    "ethernet", "docsis", "pppoe-ptm", "bridged-ptm", "pppoe-llcsnap", "pppoe-vcmux", "bridged-llcsnap",
    "bridged-vcmux", "pppoa-llc", "pppoa-vcmux", "conservative", "none",
]  # fmt: skip
FRAMINGS: dict[str, Framing] = {
    "ethernet": Framing(38, 84),
    "docsis": Framing(18, 64),
    "pppoe-ptm": Framing(30, ptm=True),
    "bridged-ptm": Framing(22, ptm=True),
    "pppoe-llcsnap": Framing(40, cells=True),
    "pppoe-vcmux": Framing(32, cells=True),
    "bridged-llcsnap": Framing(32, cells=True),
    "bridged-vcmux": Framing(24, cells=True),
    "pppoa-llc": Framing(14, cells=True),
    "pppoa-vcmux": Framing(10, cells=True),
    "conservative": Framing(48, cells=True),
    "none": Framing(),
}
"""What a link adds to an IP packet, from the tables of tc-cake(8)."""


class Match(Strict):
    """What belongs to a class: all that is given must fit."""

    dscp: tuple[Dscp, ...] = Field(default=(), description="classes of service in the packet's header")
    mark: MarkMatch | None = Field(default=None, description="mark that a firewall rule has set; for uploads")

    @model_validator(mode="after")
    def _says_something(self) -> Match:
        if not self.dscp and self.mark is None:
            raise Refused("a match without dscp and mark fits every packet", "dscp, mark, or both")
        return self


class TrafficClass(Strict):
    """A part of an uplink that some packets are sure of."""

    id: Id = Field(description="stable name of the class")
    direction: Direction = Field(default="upload", description="which way it is for")
    guaranteed: BitRate = Field(description="what it has whenever it asks for it")
    ceiling: BitRate | None = Field(
        default=None, description="what it may have while others do not ask; left out: the whole"
    )
    priority: Annotated[int, Field(ge=0, le=7, strict=True)] = Field(
        default=3, description="who is served first of those below their guarantee: the smallest"
    )
    match: Match = Field(description="the packets that belong to it")


class Shaper(Strict):
    """How fast an uplink is. A direction without a number is not shaped."""

    id: InterfaceId = Field(description="the interface, by its role")
    download: BitRate | None = Field(default=None, description="bits per second that arrive at most")
    upload: BitRate | None = Field(default=None, description="bits per second that leave at most")
    link: LinkType = Field(default="ethernet", description="what carries it: what it adds to each packet")
    overhead: Annotated[int, Field(ge=-64, le=256, strict=True)] | None = Field(
        default=None, description="bytes that it adds to an IP packet; left out: as the link does"
    )
    fairness: Fairness = Field(
        default="hosts", description="who shares evenly: hosts inside, and their flows within; or all flows"
    )
    diffserv: Diffserv = Field(default="diffserv4", description="degrees of urgency that are told apart")
    ack_filter: bool = Field(
        default=False,
        description="leave out TCP acknowledgements that later ones say again; for slow uploads",
    )
    enabled: bool = Field(default=True, description="false: as if it were not there")
    classes: tuple[TrafficClass, ...] = Field(
        default=(), description="parts with a guarantee, in the order in which packets are matched"
    )

    @model_validator(mode="after")
    def _has_a_number(self) -> Shaper:
        if self.download is None and self.upload is None:
            raise Refused(f"{self.id} has neither download nor upload", "download, upload, or both")
        return self

    @property
    def framing(self) -> Framing:
        """Return what the link adds to each packet."""
        found = FRAMINGS[self.link]
        if self.overhead is None:
            return found
        return Framing(self.overhead, found.smallest, found.cells, found.ptm)

    def rate_bps(self, direction: Direction) -> int | None:
        """Return the number of a direction, None where it is not shaped."""
        return self.download if direction == "download" else self.upload


class Qos(Strict):
    """Shapers: short, fair queues at the speed of a line."""

    shapers: tuple[Shaper, ...] = Field(default=(), description="one for each uplink that is shaped")


SECTION = Section("network/qos", Qos)
