# SPDX-License-Identifier: GPL-2.0-or-later
"""Timed blocks end when they should: in this boot, after a reboot, and with a wrong clock."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from patronus.firewall.blocks import TimedBlock, running, with_block


@dataclass
class Clock:
    boot_id: str = "one"
    boot: float = 100.0
    now: float = 1_800_000_000.0

    def boottime(self) -> float:
        return self.boot

    def wall(self) -> float:
        return self.now


def block(clock: Clock, prefix: str = "203.0.113.7", for_s: float = 60) -> TimedBlock:
    return TimedBlock.starting(ip_network(prefix), for_s, "scans", "admin", clock)


def test_it_ends_after_its_time_whatever_the_wall_clock_does() -> None:
    clock = Clock()
    found = block(clock)
    clock.boot, clock.now = 159, 0
    assert running([found], clock) == (found,)
    clock.boot, clock.now = 160, 0
    assert running([found], clock) == ()


def test_a_reboot_goes_by_the_wall_clock() -> None:
    clock = Clock()
    found = TimedBlock.of_data(block(clock).as_data())
    later = Clock("two", 5, clock.now + 30)
    assert found.remaining_s(later) == 30
    later.now += 30
    assert running([found], later) == ()


def test_a_clock_that_went_back_does_not_prolong_it() -> None:
    clock = Clock()
    assert block(clock).remaining_s(Clock("two", 5, 0)) == 60


def test_a_second_block_of_a_prefix_replaces_the_first() -> None:
    clock = Clock()
    first, second, other = block(clock), block(clock, for_s=5), block(clock, "203.0.113.8")
    assert with_block((first, other), second) == (other, second)
