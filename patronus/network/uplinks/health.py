# SPDX-License-Identifier: GPL-2.0-or-later
"""When an uplink counts as down, and when as up again: from the answers to its checks alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from patronus.network.uplinks.model import Uplink


@dataclass
class Health:
    """What is known of an uplink; one of which nothing is known yet is up, so that a boot waits for nobody.

    ``against``     rounds in a row that spoke against ``up``; ``good_since_s``: the first answer of
                    an unbroken row, on the clock since boot. ``reason``: why it is down, or what failed last.
    """

    since_s: float
    up: bool = True
    against: int = 0
    good_since_s: float | None = None
    rounds: int = 0
    lost: int = 0
    reason: str | None = None

    def saw(self, failure: str | None, now_s: float, uplink: Uplink) -> bool:
        """Take the outcome of a round; return whether it is up or down from now on and was not before."""
        good = failure is None
        self.rounds += 1
        self.lost += not good
        self.reason = failure if not good or self.up else self.reason
        if not good:
            self.good_since_s = None
        elif self.good_since_s is None:
            self.good_since_s = now_s
        self.against = self.against + 1 if good is not self.up else 0
        if self.up:
            return self.against >= uplink.down_after and self._become(up=False, now_s=now_s)
        held_s = now_s - self.good_since_s if self.good_since_s is not None else 0.0
        ready = self.against >= uplink.up_after and held_s >= uplink.fail_back
        return ready and self._become(up=True, now_s=now_s)

    def _become(self, *, up: bool, now_s: float) -> bool:
        self.up, self.since_s, self.against = up, now_s, 0
        if up:
            self.reason = None
        return True
