# SPDX-License-Identifier: GPL-2.0-or-later
"""A server's heartbeat: systemd hears it as long as the loop turns, and no longer.

A callback that never comes back stops every answer, and the process looks well from outside. Then systemd
ends it, its last words are what it was doing, and it starts again.
"""

from __future__ import annotations

import faulthandler

from patronus.kernel.loop import Loop
from patronus.kernel.notify import notify, watchdog_s

BEATS = 4
"""So many beats fit into the time that systemd grants."""


def keep_beating(loop: Loop) -> None:
    """Beat from the loop's own turns where systemd listens; it does not where a person started the server."""
    faulthandler.enable()  # the watchdog's SIGABRT then says where it hung
    limit_s = watchdog_s()
    if limit_s is not None:
        _beat(loop, limit_s / BEATS)


def _beat(loop: Loop, period_s: float) -> None:
    notify("WATCHDOG=1")
    loop.call_later(period_s, lambda: _beat(loop, period_s))
