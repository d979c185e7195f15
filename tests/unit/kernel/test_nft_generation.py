# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's answers to the question for the ruleset's number."""

import errno
import struct

import pytest

from patronus.kernel.nft_generation import number_of

NEWGEN = 10 << 8 | 15


def message(kind: int, payload: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(payload), kind, 0, 0, 0) + payload


def test_the_number_is_found_behind_other_attributes() -> None:
    name = struct.pack("=HH", 9, 3) + b"nftx\0" + bytes(3)
    number = struct.pack("=HH", 8, 1) + (70_000).to_bytes(4)
    assert number_of(message(NEWGEN, bytes(4) + name + number)) == 70_000


def test_a_refusal_says_why() -> None:
    with pytest.raises(OSError, match="not permitted") as caught:
        number_of(message(2, struct.pack("=i", -errno.EPERM)))
    assert caught.value.errno == errno.EPERM


def test_an_answer_without_a_number_is_refused() -> None:
    with pytest.raises(OSError, match="no number"):
        number_of(message(NEWGEN, bytes(4)))
    with pytest.raises(OSError, match="no number"):
        number_of(message(10 << 8 | 3, bytes(4)))
