# SPDX-License-Identifier: GPL-2.0-or-later
"""Shapers as people read them: what was planned beside what the kernel has. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from patronus.core.model import as_data
from patronus.core.traffic import DeviceSeen, Figures, QueueSeen
from patronus.network.qos.difference import is_foreign
from patronus.network.qos.model import Shaper
from patronus.network.qos.plan import Shaping, turn_name
from patronus.network.qos.tree import FIRST, REST, TINS, Abilities, Lane, method
from patronus.network.qos.verbs import LaneInfo, PartInfo, QueueInfo, ShaperInfo

_URGENCY = ("missing", "foreign", "waiting", "active")
"""States from the worst on: a shaper has that of its worse direction."""


def describe(
    shaper: Shaper, shaping: Shaping | None, seen: Mapping[str, DeviceSeen], abilities: Abilities
) -> ShaperInfo:
    """Return a shaper in its wire form; ``shaping`` is None where it is off."""
    if shaping is None:
        return _info(shaper, None, "off", None)
    device = shaping.device
    found = {
        "upload": _lane(shaping.upload, device, seen.get(device or ""), abilities),
        "download": _lane(shaping.download, device, _arriving(shaping, seen), abilities),
    }
    lanes = [lane for lane in found.values() if lane is not None]
    state = min((lane.state for lane in lanes), key=_URGENCY.index)
    reason = next((lane.reason for lane in lanes if lane.reason and lane.state == state), None)
    return _info(shaper, device, state, reason, **found)


def _info(
    shaper: Shaper, device: str | None, state: str, reason: str | None, **lanes: LaneInfo | None
) -> ShaperInfo:
    return ShaperInfo(
        id=shaper.id,
        device=device,
        state=state,
        reason=reason,
        download=lanes.get("download"),
        upload=lanes.get("upload"),
        configuration=as_data(shaper),
    )


def _arriving(shaping: Shaping, seen: Mapping[str, DeviceSeen]) -> DeviceSeen | None:
    """Return the device that queues what arrives, where the uplink is there too."""
    return seen.get(turn_name(shaping.role)) if shaping.device in seen else None


def _lane(
    lane: Lane | None, device: str | None, seen: DeviceSeen | None, abilities: Abilities
) -> LaneInfo | None:
    if lane is None:
        return None
    kind, reason = method(lane, abilities)
    root = seen.root() if seen is not None else None
    if device is None:
        state, reason = "waiting", "the interface has no device"
    elif seen is not None and is_foreign(seen):
        state, reason = "foreign", f"somebody else's queue stands there ({root.queue.kind if root else ''})"
    elif root is None:
        state, reason = "missing", "somebody has taken the queue away"
    else:
        state = "active"
    standing = root if state == "active" else None
    return LaneInfo(
        rate_bps=lane.rate_bps,
        method=kind,
        reason=reason,
        state=state,
        counted=QueueInfo.of(_total(standing, seen)) if standing and seen else None,
        parts=_parts(lane, standing, seen) if standing and seen else [],
    )


def _total(root: QueueSeen, seen: DeviceSeen) -> Figures:
    """Return what a root has counted; HTB leaves it to the queues of its classes to count marks."""
    if root.tins:
        return root.figures
    marked = sum(one.figures.marked for one in seen.queues if one is not root)
    return Figures(**{**vars(root.figures), "marked": marked})


def _parts(lane: Lane, root: QueueSeen, seen: DeviceSeen) -> list[PartInfo]:
    if root.queue.kind == "cake":
        named = zip(TINS[lane.diffserv], root.tins, strict=False)
        return [_part(name, None, None, tin) for name, tin in named]
    leaves = {one.queue.parent & 0xFFFF: one.figures for one in seen.queues}
    shares = {share.handle & 0xFFFF: share for share in seen.shares}
    names = {FIRST + place: item.id for place, item in enumerate(lane.classes)} | {REST: "everything else"}
    return [
        _part(name, shares[number].rate_bps, shares[number].ceiling_bps, leaves.get(number, Figures()))
        for number, name in names.items()
        if number in shares and lane.classes
    ]


def _part(name: str, guaranteed: int | None, ceiling: int | None, figures: Figures) -> PartInfo:
    return PartInfo(name=name, guaranteed_bps=guaranteed, ceiling_bps=ceiling, counted=QueueInfo.of(figures))
