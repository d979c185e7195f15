# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of ``make bench``: one measured figure each, beside a peer measured in the same run.

``build/bench/<name>.json`` holds a list of rows. A goal of None needs a ``note`` that says why.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path("build/bench")


@dataclass(frozen=True)
class Row:
    """One line of the table. ``goal`` bounds ``ratio`` where there is a peer, else ``value``.

    ``spread`` is (largest - smallest) / median of our own runs.
    """

    name: str
    value: float
    unit: str
    peer: str | None
    peer_version: str | None
    peer_value: float | None
    ratio: float | None
    goal: float | None
    better: Literal["lower", "higher"]
    runs: int
    spread: float
    commit: str
    note: str = ""

    def __post_init__(self) -> None:
        if self.goal is None and not self.note:
            raise ValueError(f"{self.name}: no goal and no note that says why")

    @property
    def met(self) -> bool:
        """Whether the goal is reached; a row without one has nothing to miss."""
        if self.goal is None:
            return True
        figure = self.value if self.ratio is None else self.ratio
        return figure <= self.goal if self.better == "lower" else figure >= self.goal


def commit() -> str:
    """Return the commit that is measured, ``-dirty`` where the tree differs from it."""
    words = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def version(package: str) -> str:
    """The version of a Debian package."""
    words = ["dpkg-query", "--show", "--showformat=${Version}", package]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def compare(
    name: str,
    unit: str,
    ours: Sequence[float],
    peer: str,
    peer_version: str,
    theirs: Sequence[float],
    *,
    goal: float | None,
    better: Literal["lower", "higher"] = "lower",
    note: str = "",
) -> Row:
    """Return the row for runs of ours and of a peer that were taken in turns; medians are compared."""
    value, peer_value = statistics.median(ours), statistics.median(theirs)
    return Row(
        name=name,
        value=round(value, 4),
        unit=unit,
        peer=peer,
        peer_version=peer_version,
        peer_value=round(peer_value, 4),
        ratio=round(value / peer_value, 4),
        goal=goal,
        better=better,
        runs=len(ours),
        spread=_spread(ours),
        commit=commit(),
        note=note,
    )


def alone(
    name: str,
    unit: str,
    ours: Sequence[float],
    *,
    goal: float | None,
    better: Literal["lower", "higher"] = "lower",
    note: str = "",
) -> Row:
    """Return the row for a figure that has no peer: the median of the runs."""
    value = round(statistics.median(ours), 4)
    nothing = {"peer": None, "peer_version": None, "peer_value": None, "ratio": None}
    return Row(
        name, value, unit, **nothing, goal=goal, better=better, runs=len(ours),
        spread=_spread(ours), commit=commit(), note=note,
    )  # fmt: skip


def _spread(runs: Sequence[float]) -> float:
    middle = statistics.median(runs)
    return round((max(runs) - min(runs)) / middle, 4) if middle else 0.0


def write(name: str, rows: Sequence[Row]) -> Path:
    """Write ``build/bench/<name>.json`` and return its path. Raises ValueError for no rows at all."""
    if not rows:
        raise ValueError(f"{name}: nothing was measured")
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return path


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text, one a line."""
    layout = "{:34} {:>14} {:22} {:>10} {:>7} {:>6} {:>7} {}"
    lines = [layout.format("name", "value", "peer", "value", "ratio", "goal", "spread", "")]
    for row in rows:
        cells = [
            row.name,
            f"{row.value:g} {row.unit}",
            row.peer or "",
            "" if row.peer_value is None else f"{row.peer_value:g}",
            "" if row.ratio is None else f"{row.ratio:.2f}",
            "-" if row.goal is None else f"{row.goal:g}",
            f"{row.spread:.2f}",
            "" if row.met else "MISSED",
        ]
        lines.append(layout.format(*cells).rstrip())
    return "\n".join(lines)
