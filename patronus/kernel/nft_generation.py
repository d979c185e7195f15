# SPDX-License-Identifier: GPL-2.0-or-later
"""The number of the kernel's ruleset: it grows with every transaction, whoever made it.

Counters, meters and timeouts of elements do not change it. Two equal numbers mean that nobody has changed a
table, chain, rule or set in between (linux/netfilter/nf_tables.h, NFT_MSG_GETGEN).
"""

from __future__ import annotations

import os
import socket
import struct

from patronus.core.errors import KernelError

_HEADER = struct.Struct("=IHHII")
_FAMILY_HEADER = struct.Struct("!BBH")
_ATTRIBUTE = struct.Struct("=HH")
_SUBSYSTEM_NFTABLES = 10
_GETGEN, _NEWGEN = 16, 15
_GEN_ID = 1
_NLM_F_REQUEST = 1
_NETLINK_NETFILTER = 12
_NLMSG_ERROR = 2
_LARGEST = 8192


class RulesetGeneration:
    """One netlink socket, in the network namespace of who makes it. One thread at a time."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._socket.settimeout(5.0)

    def read(self) -> int:
        """Return the number. Raises KernelError."""
        kind = _SUBSYSTEM_NFTABLES << 8 | _GETGEN
        length = _HEADER.size + _FAMILY_HEADER.size
        question = _HEADER.pack(length, kind, _NLM_F_REQUEST, 0, 0) + _FAMILY_HEADER.pack(0, 0, 0)
        try:
            self._socket.send(question)
            return number_of(self._socket.recv(_LARGEST))
        except OSError as error:
            raise KernelError(f"nftables does not tell its generation: {error}") from error


def number_of(answer: bytes) -> int:
    """Return the number in the kernel's answer. Raises OSError for a refusal and for anything else."""
    _, kind, _, _, _ = _HEADER.unpack_from(answer)
    if kind == _NLMSG_ERROR:
        code = -struct.unpack_from("=i", answer, _HEADER.size)[0]
        raise OSError(code, os.strerror(code))
    place = _HEADER.size + _FAMILY_HEADER.size
    while kind == _SUBSYSTEM_NFTABLES << 8 | _NEWGEN and place < len(answer):
        length, name = _ATTRIBUTE.unpack_from(answer, place)
        if name == _GEN_ID:
            found: int = struct.unpack_from("!I", answer, place + _ATTRIBUTE.size)[0]
            return found
        place += max(_ATTRIBUTE.size, (length + 3) & ~3)
    raise OSError(0, "the answer has no number in it")
