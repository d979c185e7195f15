# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the router gives its time: what the clock's feature tells those that speak to hosts, in its plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TimeServed:
    """The interfaces, by role, whose hosts may ask this router for the time (NTP)."""

    roles: tuple[str, ...]
