# SPDX-License-Identifier: GPL-2.0-or-later
"""Queues are written as tc(8) writes them, and read back as they were written."""

from __future__ import annotations

import struct
from typing import Any

from patronus.core.traffic import DEVICE, ROOT, Figures, Framing, Queue, Share, Sorter
from patronus.kernel import traffic, traffic_codec
from patronus.kernel.rtnetlink import tcmsg
from patronus.network.qos.model import FRAMINGS
from patronus.network.qos.tree import Abilities, Lane, tree

TC_CAKE = bytes.fromhex(
    "0c000200b832b500000000000800030001000000080004000000000008000500060000000800060012000000"
    "08000e0040000000080009000000000008000b000100000008000f00010000000800100000000000"
)
"""What tc(8) sends: ``cake bandwidth 95mbit diffserv4 dual-dsthost nat ingress noatm overhead
18 mpu 64 no-ack-filter``."""


def attributes(data: bytes) -> dict[int, bytes]:
    """Return type → content of netlink attributes, linux/netlink.h."""
    found = {}
    while data:
        length, kind = struct.unpack_from("=HH", data)
        found[kind & 0x7FFF] = data[4:length]
        data = data[length + 3 & ~3 :]
    return found


def written(message: Any) -> bytes:
    message["header"]["type"] = traffic.ADD_QUEUE
    message.encode()
    return bytes(message.data)


def options(message: Any) -> dict[int, bytes]:
    """Return the attributes inside TCA_OPTIONS; 36 bytes of headers stand before."""
    return attributes(attributes(written(message)[36:])[2])


def read(message: Any) -> Any:
    found = tcmsg(written(message))
    found.decode()
    return found


def queue_message(queue: Queue) -> Any:
    return traffic._message(1, queue.handle, queue.parent, queue.kind, traffic_codec.queue_options(queue))


CAKE = tree(Lane("download", 95_000_000, FRAMINGS["docsis"]), Abilities()).root


def test_cake_is_written_as_tc_does() -> None:
    assert options(queue_message(CAKE)) == attributes(TC_CAKE)


def test_cake_is_read_back_as_it_was_written() -> None:
    found = traffic_codec.queue_seen(read(queue_message(CAKE)))
    assert (found.queue.kind, found.queue.handle, found.queue.parent) == ("cake", ROOT, DEVICE)
    assert {name: found.queue.options[name] for name in CAKE.options} == CAKE.options


def test_what_cake_counts_is_read_for_each_tin() -> None:
    message = queue_message(CAKE)
    tins = [
        (
            f"TCA_CAKE_TIN_STATS_{number}",
            {
                "attrs": [
                    ("TCA_CAKE_TIN_STATS_SENT_BYTES64", 1000 * number),
                    ("TCA_CAKE_TIN_STATS_SENT_PACKETS", number),
                    ("TCA_CAKE_TIN_STATS_DROPPED_PACKETS", 2),
                    ("TCA_CAKE_TIN_STATS_ECN_MARKED_PACKETS", 3),
                    ("TCA_CAKE_TIN_STATS_AVG_DELAY_US", 40 * number),
                    ("TCA_CAKE_TIN_STATS_PEAK_DELAY_US", 50),
                ]
            },
        )
        for number in (1, 2)
    ]
    counted = [
        ("TCA_STATS_BASIC", {"bytes": 3000, "packets": 3}),
        ("TCA_STATS_QUEUE", {"qlen": 1, "backlog": 60, "drops": 4, "requeues": 0, "overlimits": 0}),
        ("TCA_STATS_APP", {"attrs": [("TCA_CAKE_STATS_TIN_STATS", {"attrs": tins})]}),
    ]
    message["attrs"].append(("TCA_STATS2", {"attrs": counted}))
    found = traffic_codec.queue_seen(read(message))
    assert found.figures == Figures(3000, 3, 4, 6, 60, 1, 80, 50)
    assert [(tin.bytes, tin.packets, tin.dropped, tin.marked) for tin in found.tins] == [
        (1000, 1, 2, 3),
        (2000, 2, 2, 3),
    ]


def test_marks_of_fq_codel_are_read() -> None:
    message = queue_message(Queue("fq_codel", 0x71020000, ROOT | 2))
    counted = [
        ("TCA_STATS_BASIC", {"bytes": 9, "packets": 1}),
        ("TCA_STATS_QUEUE", {"qlen": 0, "backlog": 0, "drops": 0, "requeues": 0, "overlimits": 0}),
        ("TCA_STATS_APP", {"type": 0, "maxpacket": 0, "drop_overlimit": 0, "ecn_mark": 7}),
    ]
    message["attrs"].append(("TCA_STATS2", {"attrs": counted}))
    assert traffic_codec.queue_seen(read(message)).figures.marked == 7


def test_a_class_is_read_back_as_it_was_written() -> None:
    for share in (
        Share(ROOT | 2, ROOT | 1, 2_000_000, 10_000_000, 3, Framing(24, 84)),
        Share(ROOT | 2, ROOT | 1, 64_000, 32_000_000_000, 7, Framing(26, 0, cells=True)),
    ):
        parts = traffic_codec.share_options(share)
        message = traffic._message(1, share.handle, share.parent, "htb", parts)
        assert traffic_codec.share_seen(read(message)) == share


def test_the_class_at_the_top_has_the_queue_for_its_parent() -> None:
    share = Share(ROOT | 1, ROOT, 2_000_000, 2_000_000)
    message = traffic._message(1, share.handle, DEVICE, "htb", traffic_codec.share_options(share))
    assert traffic_codec.share_seen(read(message)) == share


def test_a_filter_brings_its_program_along() -> None:
    program = bytes(range(16))
    sorter = Sorter(ROOT, 3, 77, program, share=ROOT | 0x10)
    message = traffic._message(
        1, 77, ROOT, "bpf", traffic_codec.sorter_options(sorter, None), traffic._info(3)
    )
    assert options(message) == {
        3: struct.pack("=I", ROOT | 0x10),
        4: struct.pack("=H", 2),
        5: program,
    }
