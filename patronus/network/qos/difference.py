# SPDX-License-Identifier: GPL-2.0-or-later
"""What must change so that the queues are as planned: phases, each from a fresh look at the kernel. Pure.

What arrives is led to a device only once that queues it, and no longer before that device goes: otherwise
the kernel would drop it. Only what has our handles, and devices with our mark, is ever changed; where others
have put a queue of their own, a device sends as they wish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from patronus.core.traffic import ARRIVING, POSITION, ROOT, DeviceSeen, Queue
from patronus.network.qos import changes as change
from patronus.network.qos.changes import Change
from patronus.network.qos.plan import Setup
from patronus.network.qos.tree import Tree, redirect

Seen = Mapping[str, DeviceSeen]
Phase = Callable[[Sequence[Setup], Seen], Iterator[Change]]
ARRIVAL = Queue("clsact", 0xFFFF0000, 0xFFFFFFF1)
"""What filters on arriving packets hang on; others may hang theirs there too."""
_NOTHING = DeviceSeen(0)


def loosen(setups: Sequence[Setup], seen: Seen) -> Iterator[Change]:
    """Stop to lead what arrives to devices that are no longer wanted, or are others by now."""
    wanted = {setup.device: _turn(setup, seen) for setup in setups}
    for device, found in seen.items():
        ours = [one for one in found.sorters if one[:2] == (ARRIVING, POSITION)]
        for parent, position, handle in ours:
            if handle != wanted.get(device):
                yield change.delete_sorter(device, parent, position, handle)
        if ours and found.sorters == set(ours) and device not in wanted and found.has(ARRIVAL.kind):
            yield change.delete_queue(device, ARRIVAL)


def _turn(setup: Setup, seen: Seen) -> int | None:
    """Return the handle of the filter that leads to a setup's device, None where there is no such device."""
    found = seen.get(setup.turn)
    return redirect(setup.turn, found.index).handle if setup.receiving and found else None


def devices(setups: Sequence[Setup], seen: Seen) -> Iterator[Change]:
    """Make the devices for what arrives; delete those of ours that are not wanted."""
    wanted = [setup.turn for setup in setups if setup.receiving]
    yield from (change.delete_device(name) for name, one in seen.items() if one.ours and name not in wanted)
    for name in wanted:
        if name not in seen:
            yield change.create_device(name)
        elif not seen[name].up:
            yield change.start_device(name)


def queues(setups: Sequence[Setup], seen: Seen) -> Iterator[Change]:
    """Make queues, classes and filters as wanted."""
    wanted = {setup.turn: setup.receiving for setup in setups} | {
        setup.device: setup.sending for setup in setups
    }
    for device, found in seen.items():
        if found.root() is None or not is_foreign(found):
            yield from _trees(device, wanted.get(device), found)


def is_foreign(found: DeviceSeen) -> bool:
    """Return whether somebody else has put a queue in."""
    root = found.root()
    return root is not None and root.queue.handle != ROOT


def _trees(device: str, wanted: Tree | None, found: DeviceSeen) -> Iterator[Change]:
    root = found.root()
    if root is not None and (wanted is None or root.queue.kind != wanted.root.kind):
        yield change.delete_queue(device, root.queue)
        found, root = _NOTHING, None
    if wanted is None:
        return
    if root is None:
        yield change.add_queue(device, wanted.root)
    elif any(root.queue.options.get(name) != value for name, value in wanted.root.options.items()):
        yield change.change_queue(device, wanted.root)
    yield from _added(device, wanted, found)
    yield from _dropped(device, wanted, found)


def _added(device: str, wanted: Tree, found: DeviceSeen) -> Iterator[Change]:
    shares = {share.handle: share for share in found.shares}
    taken = {one.queue.parent for one in found.queues if one.queue.handle}
    for share in wanted.shares:
        if share.handle not in shares:
            yield change.add_share(device, share)
        elif shares[share.handle] != share:
            yield change.change_share(device, share)
    for leaf in wanted.leaves:
        if leaf.parent not in taken:
            yield change.add_queue(device, leaf)
    for sorter in wanted.sorters:
        if (sorter.parent, sorter.position, sorter.handle) not in found.sorters:
            yield change.add_sorter(device, sorter)


def _dropped(device: str, wanted: Tree, found: DeviceSeen) -> Iterator[Change]:
    kept = {(sorter.parent, sorter.position, sorter.handle) for sorter in wanted.sorters}
    for one in found.sorters - kept:
        if one[0] == ROOT:
            yield change.delete_sorter(device, *one)
    handles = {share.handle for share in wanted.shares}
    yield from (change.delete_share(device, share) for share in found.shares if share.handle not in handles)


def tighten(setups: Sequence[Setup], seen: Seen) -> Iterator[Change]:
    """Lead what arrives to the devices that queue it by now."""
    for setup in setups:
        here, there = seen.get(setup.device), seen.get(setup.turn)
        if setup.receiving is None or here is None or there is None:
            continue
        if not here.has(ARRIVAL.kind) and not here.has("ingress"):
            yield change.add_queue(setup.device, ARRIVAL)
        sorter = redirect(setup.turn, there.index)
        if (ARRIVING, POSITION, sorter.handle) not in here.sorters:
            yield change.add_sorter(setup.device, sorter)


PHASES: tuple[Phase, ...] = (loosen, devices, queues, tighten)
"""In this order; each looks at the kernel as the one before has left it."""
