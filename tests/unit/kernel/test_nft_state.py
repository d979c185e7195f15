# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's answers about its ruleset: numbers, rules, and dumps that somebody interrupts."""

import errno
import struct

import pytest

from patronus.kernel.nfnetlink import Answer, Interrupted, answers, attribute
from patronus.kernel.nft_state import StandingRule, comment_of, number_of, rule_of

NEWGEN = 10 << 8 | 15


def message(kind: int, payload: bytes, flags: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(payload), kind, flags, 0, 0) + payload


def only(data: bytes) -> Answer:
    (found,) = answers(data)
    assert found is not None
    return found


def test_the_number_is_found_behind_other_attributes() -> None:
    name = struct.pack("=HH", 9, 3) + b"nftx\0" + bytes(3)
    number = struct.pack("=HH", 8, 1) + (70_000).to_bytes(4, "big")
    assert number_of(only(message(NEWGEN, bytes(4) + name + number))) == 70_000


def test_a_refusal_says_why() -> None:
    with pytest.raises(OSError, match="not permitted") as caught:
        only(message(2, struct.pack("=i", -errno.EPERM)))
    assert caught.value.errno == errno.EPERM


def test_an_answer_without_a_number_is_refused() -> None:
    with pytest.raises(OSError, match="no number"):
        number_of(only(message(NEWGEN, bytes(4))))
    with pytest.raises(OSError, match="no number"):
        number_of(only(message(10 << 8 | 3, bytes(4) + attribute(1, bytes(4)))))


def test_a_rule_is_its_chain_its_handle_and_its_comment() -> None:
    comment = b"rule/r-1 0123456789ab\0"
    userdata = bytes([5, 2, 1, 1, 0, len(comment)]) + comment
    parts = {1: b"patronus\0", 2: b"pair/wan/lan\0", 3: (7).to_bytes(8, "big"), 7: userdata}
    assert rule_of(parts) == StandingRule("pair/wan/lan", 7, "rule/r-1 0123456789ab")
    assert rule_of({**parts, 7: b""}).comment == ""


def test_a_cut_comment_does_not_run_on() -> None:
    assert comment_of(bytes([0, 200]) + b"short") == "short"
    assert comment_of(bytes([0])) == ""


def test_the_end_of_a_dump_is_told_from_its_messages() -> None:
    one = message(10 << 8 | 6, bytes(4) + attribute(2, b"c\0"))
    assert [found and found.kind for found in answers(one + message(3, bytes(4)))] == [6, None]


def test_a_dump_that_another_change_interrupted_is_not_believed() -> None:
    with pytest.raises(Interrupted):
        list(answers(message(10 << 8 | 6, bytes(4), flags=0x10)))
