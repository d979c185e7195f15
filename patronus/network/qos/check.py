# SPDX-License-Identifier: GPL-2.0-or-later
"""What one shaper alone cannot show: no such interface, more promised than there is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.core.values import write_bit_rate
from patronus.network.interfaces.model import Interface, Interfaces
from patronus.network.qos.model import Direction, Qos, Shaper, TrafficClass
from patronus.network.qos.tree import LEAST_BPS

SECTION_PATH = "network/qos"
MOST_BPS = 32 * 10**9
"""A class's rate is 32 bits of bytes per second in the kernel."""


def check(config: Configuration) -> Iterator[Problem]:
    """Yield every problem of the shapers."""
    interfaces = {item.id: item for item in config.get(Interfaces).interfaces}
    joined = {member: item.id for item in interfaces.values() for member in item.members if not item.vrf}
    for position, shaper in enumerate(config.get(Qos).shapers):
        path: Path = (SECTION_PATH, "shapers", position)
        yield from _check_interface((*path, "id"), shaper, interfaces, joined)
        for direction in ("download", "upload"):
            yield from _check_rate((*path, direction), shaper.rate_bps(direction))
            yield from _check_sum(path, shaper, direction)
        for place, item in enumerate(shaper.classes):
            yield from _check_class((*path, "classes", place), shaper, item)


def _check_interface(
    path: Path, shaper: Shaper, interfaces: Mapping[str, Interface], joined: Mapping[str, str]
) -> Iterator[Problem]:
    item = interfaces.get(shaper.id)
    if item is None:
        known = "one of " + ", ".join(sorted(interfaces)) if interfaces else "none is configured"
        yield Problem(path, f"there is no interface {shaper.id}", shaper.id, known)
    elif item.kind in ("dummy", "vrf"):
        yield Problem(path, f"{shaper.id} leads nowhere, so there is nothing to shape", shaper.id)
    elif shaper.id in joined:
        hint = f"shape {joined[shaper.id]}"
        yield Problem(path, f"{shaper.id} is a member of {joined[shaper.id]}", shaper.id, hint=hint)


def _check_rate(path: Path, rate_bps: int | None) -> Iterator[Problem]:
    if rate_bps is not None and not LEAST_BPS <= rate_bps <= MOST_BPS:
        text = f"{write_bit_rate(rate_bps)} cannot be shaped"
        yield Problem(path, text, rate_bps, f"{write_bit_rate(LEAST_BPS)} to {write_bit_rate(MOST_BPS)}")


def _check_sum(path: Path, shaper: Shaper, direction: Direction) -> Iterator[Problem]:
    """Check that something is left for what belongs to no class."""
    rate_bps = shaper.rate_bps(direction)
    promised = sum(item.guaranteed for item in shaper.classes if item.direction == direction)
    if rate_bps is not None and promised and promised + LEAST_BPS > rate_bps:
        text = f"the classes are promised {write_bit_rate(promised)} of {write_bit_rate(rate_bps)}"
        hint = f"leave {write_bit_rate(LEAST_BPS)} or more for all other packets"
        yield Problem((*path, direction), text, rate_bps, hint=hint)


def _check_class(path: Path, shaper: Shaper, item: TrafficClass) -> Iterator[Problem]:
    rate_bps = shaper.rate_bps(item.direction)
    if rate_bps is None:
        text = f"{shaper.id} has no {item.direction}, so {item.id} is a part of nothing"
        yield Problem((*path, "direction"), text, item.direction)
        return
    yield from _check_rate((*path, "guaranteed"), item.guaranteed)
    if item.ceiling is not None and not item.guaranteed <= item.ceiling <= rate_bps:
        allowed = f"{write_bit_rate(item.guaranteed)} to {write_bit_rate(rate_bps)}"
        yield Problem((*path, "ceiling"), f"{item.id} can never have that", item.ceiling, allowed)
    if item.direction == "download" and item.match.mark is not None:
        text = "what arrives is shaped before the firewall gives it a mark"
        yield Problem(
            (*path, "match", "mark"), text, str(item.match.mark), hint="match dscp, or shape uploads"
        )
