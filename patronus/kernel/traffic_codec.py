# SPDX-License-Identifier: GPL-2.0-or-later
"""Queues, classes and filters as the kernel writes them. Source: linux/pkt_sched.h, linux/pkt_cls.h."""

from __future__ import annotations

from typing import Any

from patronus.core.traffic import DEVICE, Figures, Framing, Queue, QueueSeen, Share, Sorter
from patronus.kernel.rtnetlink import bpf_options, get_tca_action, nla, nlmsg, tcmsg

_TICK_NS = 64
"""PSCHED_SHIFT: the kernel counts the time of a burst in units of so many nanoseconds."""
_FULL_FRAME = 1514
_BURST_S = 0.001
"""A class may send for so long at once: shorter bursts cost processor time, longer ones delay."""
_MOST_QUANTUM = 60000
_LAYER_FRAMES, _LAYER_CELLS = 1, 2
"""TC_LINKLAYER_ETHERNET and TC_LINKLAYER_ATM."""
_INSTRUCTION = 8
QUEUE = 0xFFFF0000
"""The half of a handle that names the queue."""
_TIN = {
    "bytes": "SENT_BYTES64",
    "packets": "SENT_PACKETS",
    "dropped": "DROPPED_PACKETS",
    "marked": "ECN_MARKED_PACKETS",
    "waiting_bytes": "BACKLOG_BYTES",
    "waiting_packets": "BACKLOG_PACKETS",
    "delay_us": "AVG_DELAY_US",
    "peak_delay_us": "PEAK_DELAY_US",
}
_TINS = 4
"""The most that the modes have which we set."""


class _Program(nla):  # type: ignore[misc]  # pyroute2 has no types
    """The options of a filter whose program comes along, which pyroute2 takes for one number."""

    bpf_act = bpf_options.bpf_act

    nla_map = (
        ("TCA_BPF_UNSPEC", "none"),
        ("TCA_BPF_ACT", "bpf_act"),
        ("TCA_BPF_POLICE", "hex"),
        ("TCA_BPF_CLASSID", "uint32"),
        ("TCA_BPF_OPS_LEN", "uint16"),
        ("TCA_BPF_OPS", "cdata"),
    )


class FilterMessage(nlmsg):  # type: ignore[misc]
    """A message about a filter that is a program."""

    prefix, fields = tcmsg.prefix, tcmsg.fields
    nla_map = (("TCA_UNSPEC", "none"), ("TCA_KIND", "asciiz"), ("TCA_OPTIONS", "program"))
    program = _Program


class RawMessage(nlmsg):  # type: ignore[misc]
    """A message whose options are written as they are."""

    prefix, fields = tcmsg.prefix, tcmsg.fields
    nla_map = (("TCA_UNSPEC", "none"), ("TCA_KIND", "asciiz"), ("TCA_OPTIONS", "cdata"))


def queue_options(queue: Queue) -> Any:
    """Return the options of a queue; HTB's are one record, the others' attributes."""
    if queue.kind == "htb":
        init = {"version": 3, "rate2quantum": 10, "debug": 0, "direct_pkts": 0, **queue.options}
        return {"attrs": [("TCA_HTB_INIT", init)]}
    if queue.kind == "pfifo":
        return dict(queue.options)
    return {"attrs": list(queue.options.items())} if queue.options else None


def share_options(share: Share) -> Any:
    """Return the options of an HTB class."""
    layer = _LAYER_CELLS if share.framing.cells else _LAYER_FRAMES
    parts: dict[str, int] = {"prio": share.priority, "level": 0}
    for name, bits in (("rate", share.rate_bps), ("ceil", share.ceiling_bps)):
        parts[name] = bits // 8
        parts[f"{name}___reserved"] = layer
        parts[f"{name}_overhead"] = share.framing.overhead
        parts[f"{name}_mpu"] = share.framing.smallest
    parts["buffer"], parts["cbuffer"] = _burst(parts["rate"]), _burst(parts["ceil"])
    parts["quantum"] = max(_FULL_FRAME, min(_MOST_QUANTUM, parts["rate"] // 80))
    return {"attrs": [("TCA_HTB_PARMS", parts)]}


def _burst(rate: int) -> int:
    """Return the ticks that a burst takes at a rate in bytes per second."""
    size = max(2 * _FULL_FRAME, int(rate * _BURST_S))
    return size * 10**9 // rate // _TICK_NS


def sorter_options(sorter: Sorter, target: int | None) -> Any:
    """Return the options of a filter; ``target`` is the number of the device that it leads to."""
    parts: list[tuple[str, Any]] = []
    if target is not None:
        turn = {"kind": "mirred", "direction": "egress", "action": "redirect", "ifindex": target}
        parts.append(("TCA_BPF_ACT", get_tca_action({"action": turn})))
    if sorter.share is not None:
        parts.append(("TCA_BPF_CLASSID", sorter.share))
    length = len(sorter.program) // _INSTRUCTION
    return {"attrs": [*parts, ("TCA_BPF_OPS_LEN", length), ("TCA_BPF_OPS", sorter.program)]}


def queue_seen(message: Any) -> QueueSeen:
    """Return a queue that was dumped, with what it has counted."""
    kind = message.get_attr("TCA_KIND")
    stats = message.get_attr("TCA_STATS2")
    own = stats.get_attr("TCA_STATS_APP") if stats is not None else None
    tins = tuple(_tins(own)) if kind == "cake" and own is not None else ()
    queue = Queue(kind, message["handle"], message["parent"], _options(kind, message))
    return QueueSeen(queue, _figures(kind, stats, own, tins), tins)


def _options(kind: str, message: Any) -> dict[str, int]:
    if kind not in ("cake", "htb"):
        return {}
    options = message.get_attr("TCA_OPTIONS")
    if options is None:
        return {}
    if kind == "htb":
        return {"defcls": options.get_attr("TCA_HTB_INIT")["defcls"]}
    return {name: value for name, value in options["attrs"] if isinstance(value, int)}


def _figures(kind: str, stats: Any, own: Any, tins: tuple[Figures, ...]) -> Figures:
    if stats is None:
        return Figures()
    basic, queue = stats.get_attr("TCA_STATS_BASIC"), stats.get_attr("TCA_STATS_QUEUE")
    marked = sum(tin.marked for tin in tins)
    if kind == "fq_codel" and own is not None:
        marked = int(own["ecn_mark"])
    delays = [tin.delay_us for tin in tins if tin.delay_us is not None]
    peaks = [tin.peak_delay_us for tin in tins if tin.peak_delay_us is not None]
    return Figures(
        bytes=basic["bytes"],
        packets=basic["packets"],
        dropped=queue["drops"],
        marked=marked,
        waiting_bytes=queue["backlog"],
        waiting_packets=queue["qlen"],
        delay_us=max(delays, default=None),
        peak_delay_us=max(peaks, default=None),
    )


def _tins(stats: Any) -> list[Figures]:
    """Return what CAKE has counted for each of its tins."""
    found = stats.get_attr("TCA_CAKE_STATS_TIN_STATS")
    tins = [found.get_attr(f"TCA_CAKE_TIN_STATS_{number}") for number in range(1, _TINS + 1)] if found else []
    return [
        Figures(**{name: tin.get_attr(f"TCA_CAKE_TIN_STATS_{word}") or 0 for name, word in _TIN.items()})
        for tin in tins
        if tin is not None
    ]


def share_seen(message: Any) -> Share:
    """Return an HTB class that was dumped; one at the top says that the device is its parent."""
    parts = message.get_attr("TCA_OPTIONS").get_attr("TCA_HTB_PARMS")
    framing = Framing(
        parts["rate_overhead"], parts["rate_mpu"], cells=parts["rate___reserved"] & 0xF == _LAYER_CELLS
    )
    handle, above = message["handle"], message["parent"]
    parent = handle & QUEUE if above == DEVICE else above
    return Share(handle, parent, parts["rate"] * 8, parts["ceil"] * 8, parts["prio"], framing)
