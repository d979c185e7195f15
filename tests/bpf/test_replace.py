# SPDX-License-Identifier: GPL-2.0-or-later
"""The blocklist changes under traffic without a gap; blocks and their ends are exact and told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from threading import Event, Semaphore, Thread

import pytest
from scapy.layers.inet import UDP

from patronus.core.errors import InvalidRequest, KernelError
from patronus.kernel.bpf import PROGRAM, Bpf
from patronus.kernel.bpf_codec import Prefix, Reason, Settings
from patronus.kernel.bpf_load import load
from patronus.kernel.bpf_object import Program
from tests.bpf.conftest import Firewall
from tests.bpf.test_verdicts import BAD4, BAD6, BLOCKED, GOOD4, bytes_of, ipv4, ipv6

# Each list blocks BAD4 and BAD6, each in another way: by host, by half a /24, by /24, by /16, by /8.
LISTS: list[list[Prefix]] = [
    [ip_network(f"{BAD4}/32"), ip_network(f"{BAD6}/128")],
    [ip_network("203.0.113.0/25"), ip_network("2001:db8:bad::/64"), ip_network("10.0.0.0/8")],
    [ip_network("203.0.113.0/24"), ip_network("2001:db8:bad::/48")],
    [ip_network("203.0.0.0/16"), ip_network("2001:d00::/24"), ip_network(f"{GOOD4}/32")],
    [ip_network("203.0.0.0/8", strict=False), ip_network("2001:db8:bad::/127", strict=False),
     ip_network(f"{BAD6}/128")],
]  # fmt: skip
ROUNDS = 40
LONG_S = 60.0


@contextmanager
def streaming(program: Program, packet: bytes) -> Iterator[Callable[[], None]]:
    """Send ``packet`` without end; lend what waits until more was sent, however slow the machine is."""
    stop, sent = Event(), Semaphore(0)

    def stream() -> None:
        while not stop.is_set():
            program.run(packet, repeat=500)
            sent.release()

    def more() -> None:
        while sent.acquire(blocking=False):
            continue
        for _ in range(2):  # the first of them may have begun before
            assert sent.acquire(timeout=LONG_S)

    sender = Thread(target=stream)
    sender.start()
    try:
        yield more
    finally:
        stop.set()
        sender.join()


def passed_while_replacing(firewall: Firewall, packet: bytes, never: list[list[Prefix]]) -> dict[Reason, int]:
    """Stream ``packet`` while the lists go round; returns how many were counted under each reason."""
    firewall.bpf.blocklist_replace(LISTS[0], never[0])
    before = firewall.bpf.counters()
    with streaming(firewall.program, packet) as more:
        for number in range(1, ROUNDS):
            firewall.bpf.blocklist_replace(LISTS[number % len(LISTS)], never[number % len(never)])
            more()
    after = firewall.bpf.counters()
    moved = {reason: after[reason].packets - before[reason].packets for reason in Reason}
    return {reason: count for reason, count in moved.items() if count}


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (bytes_of(ipv4(BAD4), UDP()), Reason.DROP_BLOCK_IPV4),
        (bytes_of(ipv6(BAD6), UDP()), Reason.DROP_BLOCK_IPV6),
    ],
    ids=["ipv4", "ipv6"],
)
def test_what_every_list_blocks_is_dropped_throughout(
    firewall: Firewall, packet: bytes, reason: Reason
) -> None:
    moved = passed_while_replacing(firewall, packet, [[]])
    assert set(moved) == {reason}
    assert moved[reason] > ROUNDS


def test_what_every_never_block_list_holds_passes_throughout(firewall: Firewall) -> None:
    never: list[list[Prefix]] = [
        [ip_network(f"{BAD4}/32")],
        [ip_network("203.0.113.0/29")],
        [ip_network("203.0.113.0/28")],
    ]
    moved = passed_while_replacing(firewall, bytes_of(ipv4(BAD4), UDP()), never)
    assert not any(reason.drops for reason in moved), moved


def test_a_list_that_blocks_only_at_times_lets_packets_through_at_times(firewall: Firewall) -> None:
    """The twin: the stream does notice when a list does not hold its source."""
    moved = passed_while_replacing(firewall, bytes_of(ipv4(GOOD4), UDP()), [[]])
    assert set(moved) == {Reason.PASS, Reason.DROP_BLOCK_IPV4}


def test_block_and_unblock_say_what_they_did(firewall: Firewall) -> None:
    for prefix in BLOCKED:
        assert firewall.bpf.block(prefix)
        assert not firewall.bpf.block(prefix)
        assert firewall.bpf.unblock(prefix)
        assert not firewall.bpf.unblock(prefix)


@pytest.mark.parametrize("inner", ["203.0.113.7/32", "203.0.113.0/25", "203.0.113.0/24"])
def test_ending_a_wide_block_keeps_a_narrow_one_and_the_other_way_round(
    firewall: Firewall, inner: str
) -> None:
    packet = bytes_of(ipv4(BAD4), UDP())
    wide, narrow = ip_network("203.0.0.0/12", strict=False), ip_network(inner)
    for first, second in ((wide, narrow), (narrow, wide)):
        firewall.bpf.block(first)
        firewall.bpf.block(second)
        firewall.bpf.unblock(first)
        assert firewall.judge(packet)[0] is Reason.DROP_BLOCK_IPV4
        firewall.bpf.unblock(second)
        assert firewall.judge(packet)[0] is Reason.PASS


def test_what_the_never_block_list_covers_is_not_written(firewall: Firewall) -> None:
    never = [ip_network("203.0.113.0/24"), ip_network("2001:db8:bad::/48")]
    refused = firewall.bpf.blocklist_replace([ip_network(f"{BAD4}/32"), ip_network(f"{GOOD4}/32")], never)
    assert refused == (ip_network(f"{BAD4}/32"),)
    with pytest.raises(InvalidRequest, match="never-block list"):
        firewall.bpf.block(ip_network(f"{BAD6}/128"))
    assert firewall.judge(bytes_of(ipv4(BAD4), UDP()))[0] is Reason.PASS
    assert firewall.judge(bytes_of(ipv4(GOOD4), UDP()))[0] is Reason.DROP_BLOCK_IPV4


def test_a_restarted_daemon_finds_the_blocks_in_force_and_replaces_first(firewall: Firewall) -> None:
    packet = bytes_of(ipv4(BAD4), UDP())
    firewall.bpf.block(ip_network(f"{BAD4}/32"))
    restarted = Bpf(firewall.pins)
    assert firewall.judge(packet)[0] is Reason.DROP_BLOCK_IPV4
    for change in (restarted.block, restarted.unblock):
        with pytest.raises(KernelError, match="blocklist_replace comes first"):
            change(ip_network(f"{BAD4}/32"))
    restarted.blocklist_replace([], [])
    assert firewall.judge(packet)[0] is Reason.PASS


def test_without_pins_the_error_names_the_unit(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=r"patronus-xdp-load\.service"):
        Bpf(tmp_path).attach("lo")


def test_a_pinned_map_of_another_shape_is_refused_not_misread(compiled: Path, pins: Path) -> None:
    load(compiled, pins, Settings(), flow_entries=512)
    with Program.pinned(pins / PROGRAM) as program:
        running = program.id
    with pytest.raises(KernelError, match="flows_ipv4"):
        load(compiled, pins, Settings(), flow_entries=1024)
    with Program.pinned(pins / PROGRAM) as program:
        assert program.id == running
