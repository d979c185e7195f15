# SPDX-License-Identifier: GPL-2.0-or-later
"""What chronyd says of itself, in the commas of ``chronyc -c``, chronyc(1). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from patronus.core.verb import Result

STATES = {
    "*": "chosen", "+": "combined", "-": "left out", "?": "silent", "x": "false", "~": "unsteady",
}  # fmt: skip


class TimeSource(Result):
    """One server that is asked."""

    name: str = Field(description="as it was written, or its address")
    state: str = Field(description="chosen, combined, left out, silent, false or unsteady")
    stratum: int = Field(description="how far it is from a reference clock; 0 where it has not answered")
    reached: int = Field(description="how many of the last eight questions it answered")
    last_s: int | None = Field(description="seconds since its last answer; null where there was none")
    offset_s: float = Field(description="how far this clock was ahead of it at its last answer, in seconds")
    error_s: float = Field(description="how wrong that may be, in seconds")


class Tracking(Result):
    """The clock as chronyd sees it."""

    source: str | None = Field(description="the server that it follows")
    stratum: int = Field(description="this router's own distance from a reference clock; 0: none")
    offset_s: float = Field(description="how far it is ahead of true time, as far as is known, in seconds")
    drift_ppm: float = Field(description="how much too fast the clock of the machine runs, in millionths")
    leap: str = Field(description="Normal, Insert second, Delete second or Not synchronised")


def sources(text: str) -> list[TimeSource]:
    """Return the servers that ``sources`` lists; lines of another form are left out."""
    return [_source(row) for row in _rows(text, 10) if row[0] == "^"]


def tracking(text: str) -> Tracking | None:
    """Return what ``tracking`` says; None for another form."""
    for row in _rows(text, 14):
        stratum = int(row[2])
        return Tracking(
            source=row[1] or None if stratum else None,
            stratum=stratum,
            offset_s=-float(row[4]),
            drift_ppm=float(row[7]),
            leap=row[13],
        )
    return None


def _rows(text: str, fields: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        row = line.split(",")
        if len(row) == fields:
            yield row


def _source(row: list[str]) -> TimeSource:
    reach = int(row[5], 8)
    return TimeSource(
        name=row[2],
        state=STATES.get(row[1], row[1]),
        stratum=int(row[3]),
        reached=reach.bit_count(),
        last_s=int(row[6]) if reach else None,
        offset_s=float(row[7]),
        error_s=float(row[9]),
    )
