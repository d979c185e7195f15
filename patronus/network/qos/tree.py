# SPDX-License-Identifier: GPL-2.0-or-later
"""What a direction of an uplink is made of: CAKE, or HTB with short queues in its classes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from patronus.core.traffic import ARRIVING, DEVICE, PLAIN, POSITION, ROOT, Framing, Queue, Share, Sorter
from patronus.network.qos.model import Diffserv, Direction, Fairness, TrafficClass
from patronus.network.qos.program import EVERYTHING, matching

LEAST_BPS = 64_000
"""What is always left for packets of no class, and the slowest that can be shaped."""
TOTAL, REST, FIRST = 1, 2, 0x10
"""Numbers of the classes: the whole, what belongs to no class, and the first of those that are configured."""
_LEAVES = 0x71000000
"""The queue of class n has the handle 7100+n."""
_LOWEST = 7
_ETHERNET_HEADER = 14
_DIFFSERV: dict[Diffserv, int] = {"diffserv3": 0, "diffserv4": 1, "besteffort": 3}
_FLOWS, _BY_SOURCE, _BY_DESTINATION = 4, 5, 6
"""CAKE_FLOW_FLOWS, CAKE_FLOW_DUAL_SRC and CAKE_FLOW_DUAL_DST of linux/pkt_sched.h."""
TINS: dict[Diffserv, tuple[str, ...]] = {
    "diffserv3": ("bulk", "best effort", "voice"),
    "diffserv4": ("bulk", "best effort", "video", "voice"),
    "besteffort": ("all",),
}


@dataclass(frozen=True)
class Abilities:
    """Which queues the kernel has."""

    cake: bool = True
    fq_codel: bool = True


@dataclass(frozen=True)
class Lane:
    """One direction of an uplink."""

    direction: Direction
    rate_bps: int
    framing: Framing = PLAIN
    fairness: Fairness = "hosts"
    diffserv: Diffserv = "diffserv4"
    ack_filter: bool = False
    classes: tuple[TrafficClass, ...] = ()


@dataclass(frozen=True)
class Tree:
    """A queue that a device sends through, its classes, the queues in them, and what leads packets there."""

    root: Queue
    shares: tuple[Share, ...] = ()
    leaves: tuple[Queue, ...] = ()
    sorters: tuple[Sorter, ...] = ()


def method(lane: Lane, abilities: Abilities) -> tuple[str, str | None]:
    """Return what a direction is made of, and why where it is not what is best."""
    leaf = "fq_codel" if abilities.fq_codel else "pfifo"
    lacking = [
        name for name, known in (("CAKE", abilities.cake), ("fq_codel", abilities.fq_codel)) if not known
    ]
    if lane.classes:
        lacking = [name for name in lacking if name != "CAKE"]
    elif abilities.cake:
        return "cake", None
    without = " nor ".join(lacking)
    lost = "hosts do not share evenly" if abilities.fq_codel else "neither hosts nor flows share evenly"
    return f"htb+{leaf}", f"the kernel has no {without}: {lost}" if lacking else None


def tree(lane: Lane, abilities: Abilities) -> Tree:
    """Return the queues of a direction."""
    if abilities.cake and not lane.classes:
        return Tree(_cake(lane))
    shares = tuple(_shares(lane))
    return Tree(
        root=Queue("htb", ROOT, DEVICE, {"defcls": REST}),
        shares=shares,
        leaves=tuple(_leaf(share, abilities) for share in shares[1:]),
        sorters=tuple(_sorter(number, item) for number, item in enumerate(lane.classes)),
    )


def _cake(lane: Lane) -> Queue:
    """Hosts are those inside: they send what leaves, and what arrives is for them; NAT is seen through."""
    arriving = lane.direction == "download"
    by_host = _BY_DESTINATION if arriving else _BY_SOURCE
    framing = lane.framing
    options = {
        "TCA_CAKE_BASE_RATE64": lane.rate_bps // 8,
        "TCA_CAKE_DIFFSERV_MODE": _DIFFSERV[lane.diffserv],
        "TCA_CAKE_ATM": 1 if framing.cells else 2 if framing.ptm else 0,
        "TCA_CAKE_FLOW_MODE": by_host if lane.fairness == "hosts" else _FLOWS,
        "TCA_CAKE_OVERHEAD": framing.overhead,
        "TCA_CAKE_MPU": framing.smallest,
        "TCA_CAKE_NAT": 1,
        "TCA_CAKE_INGRESS": int(arriving),
        "TCA_CAKE_ACK_FILTER": int(lane.ack_filter and not arriving),
    }
    return Queue("cake", ROOT, DEVICE, options)


def _shares(lane: Lane) -> Iterator[Share]:
    """Yield the whole, the rest, and the configured classes; HTB counts the Ethernet header by itself."""
    given = lane.framing
    framing = Framing(max(0, given.overhead - _ETHERNET_HEADER), given.smallest, given.cells)
    whole = lane.rate_bps // 8 * 8
    yield Share(ROOT | TOTAL, ROOT, whole, whole, 0, framing)
    left = whole - sum(item.guaranteed for item in lane.classes)
    yield Share(
        ROOT | REST,
        ROOT | TOTAL,
        max(LEAST_BPS, left // 8 * 8),
        whole,
        _LOWEST if lane.classes else 0,
        framing,
    )
    for number, item in enumerate(lane.classes):
        ceiling = (item.ceiling or whole) // 8 * 8
        handle = ROOT | FIRST + number
        yield Share(handle, ROOT | TOTAL, item.guaranteed // 8 * 8, ceiling, item.priority, framing)


def _leaf(share: Share, abilities: Abilities) -> Queue:
    """Return the queue of a class: short by itself, or else bounded to a tenth of a second."""
    handle = _LEAVES | (share.handle & 0xFFFF) << 16
    if abilities.fq_codel:
        return Queue("fq_codel", handle, share.handle)
    packets = max(20, min(1000, share.ceiling_bps // 8 // 10 // 1500))
    return Queue("pfifo", handle, share.handle, {"limit": packets})


def _sorter(number: int, item: TrafficClass) -> Sorter:
    program = matching(item.match.dscp, item.match.mark)
    share = ROOT | FIRST + number
    return Sorter(ROOT, number + 1, _name(program, share), program, share=share)


def redirect(device: str, index: int) -> Sorter:
    """Return what leads all that arrives to a device, by its name and number."""
    return Sorter(ARRIVING, POSITION, _name(EVERYTHING, index), EVERYTHING, device=device)


def _name(program: bytes, target: int) -> int:
    """Return a filter's handle: another program or another target has another."""
    return crc32(program + target.to_bytes(4, "big")) & 0x7FFFFFFF | 1
