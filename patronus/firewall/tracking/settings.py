# SPDX-License-Identifier: GPL-2.0-or-later
"""The settings of conntrack as the kernel names them, and the steps to them; the caller reads and writes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from patronus.core.errors import KernelError
from patronus.core.feature import Difference, Step
from patronus.firewall.model.conntrack import LARGEST, SMALLEST, Timeouts, Tracking

log = logging.getLogger(__name__)

Read = Callable[[str], str]
Write = Callable[[str, str], None]
"""A setting of the kernel by its dotted name. Both raise KernelError."""
SIZE = "net.netfilter.nf_conntrack_max"
ENTRY_BYTES = 320
"""What one connection takes: struct nf_conn with its extensions, rounded up by the slab."""
SHARE = 16
"""The part of the memory that connections may take, as a divisor."""
NAMES = {
    "tcp_syn_sent": "tcp_timeout_syn_sent", "tcp_syn_received": "tcp_timeout_syn_recv",
    "tcp_established": "tcp_timeout_established", "tcp_fin_wait": "tcp_timeout_fin_wait",
    "tcp_close_wait": "tcp_timeout_close_wait", "tcp_last_ack": "tcp_timeout_last_ack",
    "tcp_time_wait": "tcp_timeout_time_wait", "tcp_close": "tcp_timeout_close", "udp": "udp_timeout",
    "udp_stream": "udp_timeout_stream", "icmp": "icmp_timeout", "icmpv6": "icmpv6_timeout",
    "generic": "generic_timeout",
}  # fmt: skip
"""Key of the file → the end of the kernel's name (nf_conntrack-sysctl)."""


def timeouts(wanted: Timeouts) -> Mapping[str, str]:
    """Return the kernel's settings for the timeouts, in seconds."""
    return {f"net.netfilter.nf_conntrack_{NAMES[key]}": str(getattr(wanted, key)) for key in NAMES}


def table_size(wanted: Tracking, memory_bytes: int) -> int | None:
    """Return how many connections there may be; None where the memory is not known and nobody says it."""
    if wanted.table_size != "auto":
        return wanted.table_size
    if not memory_bytes:
        return None
    return min(max(memory_bytes // SHARE // ENTRY_BYTES, SMALLEST), LARGEST)


def tracking_steps(wanted: Mapping[str, str], read: Read, write: Write) -> Iterator[Step]:
    """Yield a step for each timeout that is another now; one that the kernel does not have is left out."""
    for name, value in wanted.items():
        before = _now(name, read)
        if before is not None and before != value:
            yield Step(name, do=partial(write, name, value), undo=partial(write, name, before))


def resize(size: int, write: Write) -> None:
    """Give the table a size; where the kernel refuses, as in a container, it stays, and that is said."""
    try:
        write(SIZE, str(size))
    except KernelError as error:
        log.warning("the table of connections keeps its size: %s", error)


def tracking_differences(wanted: Mapping[str, str], read: Read) -> Iterator[Difference]:
    """Yield the timeouts that are not as planned."""
    for name, value in wanted.items():
        now = _now(name, read)
        if now is not None and now != value:
            yield Difference(name, value, now)


def _now(name: str, read: Read) -> str | None:
    """Return a setting, None where the kernel does not have it."""
    try:
        return read(name)
    except KernelError:
        return None
