# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about shapers: parameters, results and the event. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from patronus.core.bus import Event
from patronus.core.control import Change
from patronus.core.traffic import Figures
from patronus.core.values import InterfaceId
from patronus.core.verb import Result
from patronus.network.qos.model import Shaper


@dataclass(frozen=True)
class ShaperChanged(Event):
    """An uplink is shaped otherwise than before; a direction that is not shaped has no number."""

    kind: ClassVar[str] = "shaper-changed"
    role: str
    device: str | None
    download_bps: int | None
    upload_bps: int | None


class QueueInfo(Result):
    """What a queue has counted since it was made."""

    bytes: int
    packets: int
    dropped: int
    marked: int = Field(description="packets that were marked as having met congestion (ECN), not dropped")
    waiting_bytes: int
    waiting_packets: int
    delay_us: int | None = Field(description="how long packets waited on average; where CAKE says so")
    peak_delay_us: int | None = Field(description="the longest of late; where CAKE says so")

    @classmethod
    def of(cls, figures: Figures) -> QueueInfo:
        """Return figures in their wire form."""
        return cls(**vars(figures))


class PartInfo(Result):
    """A part of a direction: a degree of urgency (a tin of CAKE), or a class."""

    name: str
    guaranteed_bps: int | None
    ceiling_bps: int | None
    counted: QueueInfo


class LaneInfo(Result):
    """One direction of an uplink."""

    rate_bps: int
    method: str = Field(description="cake, htb+fq_codel or htb+pfifo")
    reason: str | None = Field(description="why it is not what is best, or why it is not shaped")
    state: str = Field(description="active, waiting, foreign or missing")
    counted: QueueInfo | None
    parts: list[PartInfo]


class ShaperInfo(Result):
    """One shaper, as configured and as it stands."""

    id: str
    device: str | None
    state: str = Field(description="active, off, waiting, foreign or missing")
    reason: str | None
    download: LaneInfo | None
    upload: LaneInfo | None
    configuration: dict[str, Any]


class ShaperList(Result):
    """Shapers in the order of the file."""

    shapers: list[ShaperInfo]


class SetShaper(Change):
    """A shaper, new or in the place of the one of its id."""

    id: InterfaceId
    shaper: Shaper


class RemoveShaper(Change):
    """Names a shaper."""

    id: InterfaceId
