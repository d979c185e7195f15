# SPDX-License-Identifier: GPL-2.0-or-later
"""What is watched of an uplink. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from patronus.core.link import IpAddress
from patronus.network.uplinks.model import Uplink


@dataclass(frozen=True)
class Task:
    """An uplink, the device it leaves by, and its gateway; ``reason``: why there is none."""

    uplink: Uplink
    device: str | None
    gateway: IpAddress | None
    reason: str | None = None
