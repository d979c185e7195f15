# SPDX-License-Identifier: GPL-2.0-or-later
"""Which packets a filter takes, as classic BPF, which kernels run whatever classifiers they have.

Source: linux/filter.h, linux/bpf_common.h. A program returns 0 for "not mine" and -1 for "mine". Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from patronus.core.values import Mark

_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE = 0x20, 0x28, 0x30
_JUMP_EQUAL, _JUMP = 0x15, 0x05
_AND, _SHIFT_RIGHT, _RETURN = 0x54, 0x74, 0x06
_PROTOCOL, _MARK = 0xFFFFF000, 0xFFFFF014
"""SKF_AD_OFF and SKF_AD_PROTOCOL or SKF_AD_MARK: what the kernel knows of the packet."""
_NETWORK = 0xFFF00000
"""SKF_NET_OFF: the start of the IP header, whatever stands before it."""
_IPV4, _IPV6 = 0x0800, 0x86DD
_MINE = 0xFFFFFFFF


def _say(code: int, value: int = 0, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


EVERYTHING = _say(_RETURN, _MINE)


def matching(dscp: Sequence[int], mark: Mark | None) -> bytes:
    """Return the program that takes packets with one of these classes of service, and with this mark."""
    parts = [] if mark is None else _mark_test(mark)
    parts += _dscp_test(dscp) if dscp else [_say(_RETURN, _MINE)]
    return b"".join(parts)


def _mark_test(mark: Mark) -> list[bytes]:
    return [_say(_LOAD_WORD, _MARK), _say(_AND, mark.mask), _say(_JUMP_EQUAL, mark.value, 1), _say(_RETURN)]


def _dscp_test(dscp: Sequence[int]) -> list[bytes]:
    """Read the class of service (RFC 2474): in IPv4's second byte, from the fifth bit of IPv6's header on."""
    compared = [_say(_JUMP_EQUAL, value, len(dscp) - place) for place, value in enumerate(dscp)]
    return [
        _say(_LOAD_HALF, _PROTOCOL),
        _say(_JUMP_EQUAL, _IPV4, 2),
        _say(_JUMP_EQUAL, _IPV6, 4),
        _say(_RETURN),
        _say(_LOAD_BYTE, _NETWORK + 1),
        _say(_SHIFT_RIGHT, 2),
        _say(_JUMP, 3),
        _say(_LOAD_HALF, _NETWORK),
        _say(_SHIFT_RIGHT, 6),
        _say(_AND, 0x3F),
        *compared,
        _say(_RETURN),
        _say(_RETURN, _MINE),
    ]
