# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a version is healthy, and what follows for one that has yet to prove itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from patronus.update.machine import Entry
from patronus.update.task import Handed

LIMIT_S = 180.0
"""So long a version may take until it is healthy, from when patronusd has come up."""

Verdict = Literal["good", "wait", "restart", "stay"]


class Finding(Handed):
    """What was looked at, whether it is well, and what was seen, in words."""

    name: str
    well: bool
    said: str


class Unproved(Handed):
    """Why versions did not prove themselves: version → what ailed it the last time."""

    reasons: dict[str, list[str]] = Field(default_factory=dict)


def ailments(findings: Sequence[Finding]) -> list[str]:
    """Return in words what is not well; that nothing was looked at is not well either."""
    if not findings:
        return ["nothing was looked at"]
    return [f"{found.name}: {found.said}" for found in findings if not found.well]


def judge(findings: Sequence[Finding], waited_s: float, other: Entry | None) -> Verdict:
    """Return what follows.

    good: it has proved itself. wait: look again. restart: it is not healthy, and ``other``, the boot entry of
    another version, takes over once its tries are used up. stay: it is not healthy, and there is no other.
    """
    if not ailments(findings):
        return "good"
    if waited_s < LIMIT_S:
        return "wait"
    return "restart" if other is not None else "stay"
