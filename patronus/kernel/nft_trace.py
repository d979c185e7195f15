# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that a rule has marked for tracing, as the kernel tells of them.

Source: linux/netfilter/nf_tables.h, enum nft_trace_attributes; net/netfilter/nf_tables_trace.c.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from threading import Lock

from patronus.core.errors import Conflict, KernelError
from patronus.core.trace import Passage, Seen, TraceStep
from patronus.kernel.nfnetlink import (
    NETLINK_NETFILTER,
    Attributes,
    Interrupted,
    answers,
    attributes,
    number,
)

_TRACE = 17
_GROUP = 1 << (9 - 1)
"""linux/netfilter/nfnetlink.h, NFNLGRP_NFTRACE."""
_TABLE, _CHAIN, _HANDLE, _TYPE, _VERDICT, _ID = 1, 2, 3, 4, 5, 6
_NETWORK, _TRANSPORT, _IN, _OUT, _POLICY = 8, 9, 10, 12, 16
_PASSAGES: dict[int, Passage] = {1: "policy", 2: "return", 3: "rule"}
_VERDICTS = {0: "drop", 1: "accept", -1: "continue", -2: "continue", -3: "jump", -4: "goto", -5: "return"}
_WITH_PORTS = frozenset({6, 17, 33, 132, 136})
_BUFFER = 1 << 20
_LARGEST = 1 << 16


class TraceSocket:
    """Hears of all traced packets of this network namespace from when it was made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._socket.bind((0, _GROUP))

    def steps(self, seconds: float, packets: int) -> list[TraceStep]:
        """Return the steps of the first packets that come within a time, in order. Raises KernelError.

        It ends early once more packets have come.
        """
        found: list[TraceStep] = []
        known: set[int] = set()
        for step in self._told(time.monotonic() + seconds):
            if step.packet not in known and len(known) == packets:
                break
            known.add(step.packet)
            found.append(step)
        return found

    def _told(self, end_s: float) -> Iterator[TraceStep]:
        while (left_s := end_s - time.monotonic()) > 0:
            self._socket.settimeout(left_s)
            try:
                for answer in answers(self._socket.recv(_LARGEST)):
                    if answer is not None and answer.kind == _TRACE:
                        yield step_of(answer.attributes)
            except (TimeoutError, BlockingIOError):
                return
            except Interrupted:
                continue
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise KernelError(f"nftables does not tell of packets: {error}") from error

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()


_turn = Lock()


@contextmanager
def tracing() -> Iterator[TraceSocket]:
    """Lend a socket that hears of traced packets, to one at a time. Raises Conflict, KernelError."""
    if not _turn.acquire(blocking=False):
        raise Conflict("somebody follows packets just now; wait a moment")
    try:
        made = TraceSocket()
    except OSError as error:
        _turn.release()
        raise KernelError(f"nftables does not tell of packets: {error}") from error
    try:
        yield made
    finally:
        made.close()
        _turn.release()


def step_of(given: Attributes) -> TraceStep:
    """Return a step from its attributes."""
    passage = _PASSAGES.get(number(given[_TYPE]), "rule")
    verdict = _policy(given[_POLICY]) if _POLICY in given else _verdict(given.get(_VERDICT, b""))
    return TraceStep(
        packet=number(given[_ID]),
        table=_name(given[_TABLE]),
        chain=_name(given[_CHAIN]),
        passage=passage,
        verdict=verdict,
        handle=number(given[_HANDLE]) if _HANDLE in given else None,
        seen=_seen(given) if given.get(_NETWORK) else None,
    )


def _policy(value: bytes) -> str:
    return _VERDICTS.get(number(value), "continue")


def _verdict(value: bytes) -> str:
    inside = attributes(value, 0, len(value))
    code = int.from_bytes(inside.get(1, b""), "big", signed=True)
    word = _VERDICTS.get(code, "continue")
    return f"{word} {_name(inside[2])}" if 2 in inside else word


def _seen(given: Attributes) -> Seen | None:
    header, transport = given[_NETWORK], given.get(_TRANSPORT, b"")
    version = header[0] >> 4
    if version == 4 and len(header) >= 20:
        protocol, source, destination = header[9], header[12:16], header[16:20]
    elif version == 6 and len(header) >= 40:
        protocol, source, destination = header[6], header[8:24], header[24:40]
    else:
        return None
    ports = transport[:4] if protocol in _WITH_PORTS and len(transport) >= 4 else bytes(4)
    return Seen(
        arrives_on=_device(given.get(_IN)),
        leaves_by=_device(given.get(_OUT)),
        protocol=protocol,
        source=ip_address(source),
        destination=ip_address(destination),
        source_port=number(ports[:2]),
        destination_port=number(ports[2:]),
    )


def _device(value: bytes | None) -> str | None:
    """Return the name of a device; of one that has gone meanwhile, nothing."""
    try:
        return socket.if_indextoname(number(value)) if value else None
    except OSError:
        return None


def _name(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
