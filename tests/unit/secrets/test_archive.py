# SPDX-License-Identifier: GPL-2.0-or-later
"""A backup opens with its password alone, whole or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.errors import InvalidRequest, NotPermitted
from patronus.secrets.archive import CHUNK, MAGIC, seal, stretching_of, unseal
from patronus.secrets.cipher import TAG_BYTES
from patronus.secrets.stretch import Stretching, stretch

HOW = Stretching(bytes(16), 8, 1, 1)
KEY = stretch("correct horse", HOW)
BODY = len(MAGIC) + Stretching.FORM.size + TAG_BYTES
STEP = CHUNK + TAG_BYTES


@given(st.binary(max_size=200))
def test_what_goes_in_comes_out(content: bytes) -> None:
    data = seal(KEY, HOW, content)
    assert stretching_of(data) == HOW and unseal(KEY, data) == content
    assert len(content) < 8 or content not in data


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5])
def test_every_size_around_a_chunk_comes_back(size: int) -> None:
    content = bytes(at * 7 % 251 for at in range(size))
    assert unseal(KEY, seal(KEY, HOW, content)) == content


def test_a_wrong_password_is_told_from_a_changed_file() -> None:
    data = seal(KEY, HOW, b"the whole house")
    with pytest.raises(NotPermitted, match="password is wrong"):
        unseal(stretch("correct house", HOW), data)
    with pytest.raises(InvalidRequest, match="changed or cut short, at byte 58"):
        unseal(KEY, data[:-1] + bytes([data[-1] ^ 1]))


def test_each_changed_byte_and_each_cut_is_refused() -> None:
    data = seal(KEY, HOW, b"the whole house")
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x80
        with pytest.raises((InvalidRequest, NotPermitted)):
            unseal(stretch("correct horse", stretching_of(bytes(changed))), bytes(changed))
        with pytest.raises((InvalidRequest, NotPermitted)):
            stretching_of(data[:at])
            unseal(KEY, data[:at])
    with pytest.raises(InvalidRequest):
        unseal(KEY, data + b"\0")


def test_chunks_can_be_neither_swapped_nor_left_out_nor_ended_early() -> None:
    data = seal(KEY, HOW, bytes(CHUNK) + bytes([1]) * CHUNK + b"end")
    head, one, two, end = (
        data[:BODY],
        data[BODY : BODY + STEP],
        data[BODY + STEP : BODY + 2 * STEP],
        data[-19:],
    )
    assert unseal(KEY, head + one + two + end)
    for parts in ((two, one, end), (one, end), (one, two), (one,), (one, one, two, end), ()):
        with pytest.raises(InvalidRequest, match="cut short"):
            whole = head + b"".join(parts)
            stretching_of(whole)
            unseal(KEY, whole)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a backup"),
        (b"PK\3\4", "not a backup"),
        (MAGIC.replace(b"1", b"2") + bytes(200), "later version"),
        (MAGIC + bytes(10), "cut short"),
        (MAGIC + Stretching(bytes(16), 1 << 31, 1, 1).pack() + bytes(64), "the backup was changed"),
    ],
)
def test_what_is_no_backup_of_ours_is_refused_in_words(data: bytes, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        stretching_of(data)
