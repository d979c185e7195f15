# SPDX-License-Identifier: GPL-2.0-or-later
"""What shall be shaped: each shaper on the device that plays its role now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

from patronus.core.feature import Plan
from patronus.network.qos.model import Direction, Qos, Shaper
from patronus.network.qos.tree import Abilities, Lane, Tree, tree

_NAME_LIMIT = 15
"""Bytes of a device's name, IFNAMSIZ without its end."""


@dataclass(frozen=True)
class Shaping:
    """One uplink: its device, None where that is missing, and its directions."""

    role: str
    device: str | None
    upload: Lane | None = None
    download: Lane | None = None
    position: int = 0
    """In the file."""


@dataclass(frozen=True)
class QosPlan(Plan):
    """The shapers that are on, in the order of the file."""

    shapings: tuple[Shaping, ...] = ()

    @property
    def shaped(self) -> frozenset[str]:
        """Return the devices that are shaped, in either direction."""
        return frozenset(item.device for item in self.shapings if item.device)

    @property
    def arriving(self) -> frozenset[str]:
        """Return the devices on which arriving packets are queued."""
        return frozenset(item.device for item in self.shapings if item.download and item.device)


@dataclass(frozen=True)
class Setup:
    """What shall stand on one device: ``sending`` on itself, ``receiving`` on a device of ours, ``turn``."""

    device: str
    turn: str
    sending: Tree | None
    receiving: Tree | None


def plan(model: Qos, devices: Mapping[str, str | None]) -> QosPlan:
    """Return the shapers on the devices; ``devices``: role → kernel name."""
    return QosPlan(
        shapings=tuple(
            Shaping(item.id, devices.get(item.id), _lane(item, "upload"), _lane(item, "download"), position)
            for position, item in enumerate(model.shapers)
            if item.enabled
        )
    )


def _lane(item: Shaper, direction: Direction) -> Lane | None:
    rate_bps = item.rate_bps(direction)
    if rate_bps is None:
        return None
    classes = tuple(one for one in item.classes if one.direction == direction)
    return Lane(direction, rate_bps, item.framing, item.fairness, item.diffserv, item.ack_filter, classes)


def setups(plan: QosPlan, abilities: Abilities) -> tuple[Setup, ...]:
    """Return what shall stand on the devices that exist."""
    return tuple(
        Setup(
            device=item.device,
            turn=turn_name(item.role),
            sending=tree(item.upload, abilities) if item.upload else None,
            receiving=tree(item.download, abilities) if item.download else None,
        )
        for item in plan.shapings
        if item.device is not None
    )


def turn_name(role: str) -> str:
    """Return the name of the device that what arrives for a role is queued on."""
    name = f"ifb-{role}"
    return name if len(name) <= _NAME_LIMIT else f"ifb-{crc32(role.encode()):08x}"
