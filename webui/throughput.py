# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes counted so far, turned into rates and a small curve. Pure: told the time, in seconds.

The web server keeps the last minutes in memory: all who look at the overview see the same curve.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

KEPT = 60
"""Samples kept: three minutes, at one in three seconds."""
LEAST_GAP_S = 1.0
LONGEST_GAP_S = 30.0
"""After a longer gap the curve starts anew: nobody was looking."""
WIDTH, HEIGHT = 240, 48


@dataclass(frozen=True)
class Sample:
    """What an interface has received and sent, in bytes, at a moment."""

    at: float
    received: int
    sent: int


@dataclass(frozen=True)
class Rates:
    """Bits per second: now, and over the kept time; ``None`` before there are two samples."""

    down_bps: float | None = None
    up_bps: float | None = None
    down: tuple[float, ...] = ()
    up: tuple[float, ...] = ()

    def curve(self, direction: str) -> str:
        """Return the points of an SVG polyline, WIDTH by HEIGHT, both directions on one scale."""
        values = self.down if direction == "down" else self.up
        top = max((*self.down, *self.up, 1.0))
        step = WIDTH / (KEPT - 2)
        start = WIDTH - step * (len(values) - 1)
        points = (
            f"{start + index * step:.1f},{HEIGHT - 2 - (HEIGHT - 4) * value / top:.1f}"
            for index, value in enumerate(values)
        )
        return " ".join(points)


@dataclass
class Throughput:
    """The samples of each interface."""

    _samples: dict[str, deque[Sample]] = field(default_factory=dict)

    def add(self, now: float, counted: Mapping[str, tuple[int, int]]) -> None:
        """Enter what each interface has counted: received and sent bytes."""
        for name in self._samples.keys() - counted.keys():
            del self._samples[name]
        for name, (received, sent) in counted.items():
            self._add(name, Sample(now, received, sent))

    def rates(self, name: str) -> Rates:
        """Return the rates of one interface."""
        samples = list(self._samples.get(name, ()))
        if len(samples) < 2:
            return Rates()
        pairs = list(pairwise(samples))
        down = tuple(8 * (new.received - old.received) / (new.at - old.at) for old, new in pairs)
        up = tuple(8 * (new.sent - old.sent) / (new.at - old.at) for old, new in pairs)
        return Rates(down[-1], up[-1], down, up)

    def _add(self, name: str, sample: Sample) -> None:
        samples = self._samples.setdefault(name, deque(maxlen=KEPT))
        if samples:
            gap = sample.at - samples[-1].at
            counted_back = sample.received < samples[-1].received or sample.sent < samples[-1].sent
            if gap > LONGEST_GAP_S or counted_back:
                samples.clear()
            elif gap < LEAST_GAP_S:
                return
        samples.append(sample)
