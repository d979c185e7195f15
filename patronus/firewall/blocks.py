# SPDX-License-Identifier: GPL-2.0-or-later
"""Timed blocks: runtime state that ends by itself, kept across reboots. Pure; clocks are handed in.

The end is kept twice: on the clock since boot, which nobody can set, for the boot in which the block was
made, and on the wall clock for later ones. A wall clock that went back cannot make a block last longer than
it was meant to from the start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from patronus.core.control import Clock, RuntimeState
from patronus.core.values import parse_prefix, write_prefix
from patronus.firewall.addresses import IpNetwork

STATE_KEY = "firewall.blocks"


@dataclass(frozen=True)
class TimedBlock:
    """One block that ends; times in seconds, ``until_boot_s`` on the clock of the boot ``boot_id``."""

    prefix: IpNetwork
    reason: str | None
    by: str
    for_s: float
    boot_id: str
    until_boot_s: float
    until_wall_s: float

    @staticmethod
    def starting(prefix: IpNetwork, for_s: float, reason: str | None, by: str, clock: Clock) -> TimedBlock:
        """Return a block that starts now."""
        boot, wall = clock.boottime() + for_s, clock.wall() + for_s
        return TimedBlock(prefix, reason, by, for_s, clock.boot_id, boot, wall)

    def remaining_s(self, clock: Clock) -> float:
        """Return the seconds until it ends; none or less where it has."""
        if clock.boot_id == self.boot_id:
            return self.until_boot_s - clock.boottime()
        return min(self.until_wall_s - clock.wall(), self.for_s)

    def as_data(self) -> dict[str, Any]:
        """Return the block as JSON-ready data."""
        return {
            "prefix": write_prefix(self.prefix),
            "reason": self.reason,
            "by": self.by,
            "for_s": self.for_s,
            "boot_id": self.boot_id,
            "until_boot_s": self.until_boot_s,
            "until_wall_s": self.until_wall_s,
        }

    @staticmethod
    def of_data(data: dict[str, Any]) -> TimedBlock:
        """Return a block from its data; we wrote it ourselves."""
        return TimedBlock(**{**data, "prefix": parse_prefix(data["prefix"])})


def running(blocks: Iterable[TimedBlock], clock: Clock) -> tuple[TimedBlock, ...]:
    """Return the blocks that have not ended."""
    return tuple(block for block in blocks if block.remaining_s(clock) > 0)


def with_block(blocks: Iterable[TimedBlock], block: TimedBlock) -> tuple[TimedBlock, ...]:
    """Return the blocks with one more; it takes the place of an earlier one on the same prefix."""
    return (*(other for other in blocks if other.prefix != block.prefix), block)


class TimedBlocks:
    """The timed blocks in the durable state."""

    def __init__(self, state: RuntimeState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def all(self) -> tuple[TimedBlock, ...]:
        """Return those that have not ended."""
        stored = self._state.get(STATE_KEY, [])
        return running((TimedBlock.of_data(item) for item in stored), self._clock)

    def put(self, blocks: Iterable[TimedBlock]) -> None:
        """Store them. Raises StorageError."""
        self._state.put(STATE_KEY, [block.as_data() for block in blocks])

    def next_end_s(self) -> float | None:
        """Return the seconds until the next one ends, or None."""
        return min((block.remaining_s(self._clock) for block in self.all()), default=None)
