# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.errors import InvalidRequest
from webui.body import DEPTH, LIMIT, parse_object, pass_over


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def test_an_object_is_taken_and_nothing_is_an_empty_one() -> None:
    assert parse_object(b' {"a": [1, 2.5, null, "\xc3\xa9"]} ') == {"a": [1, 2.5, None, "é"]}
    assert parse_object(b"") == parse_object(b" \n") == {}


def test_depth_has_a_limit() -> None:
    parse_object(json.dumps(nested(DEPTH)).encode())
    with pytest.raises(InvalidRequest, match="nested"):
        parse_object(json.dumps(nested(DEPTH + 1)).encode())


REFUSED = [
    b"[]", b"1", b"null", b"{", b'{"a":1,"a":2}', b'{"a":Infinity}', b'{"a":1e999}', b'{"a":"\\udfff"}',
    b"\xff", b"[" * 100_000, b'{"session":"x"}', b'{"origin":"local"}', b'{"a":' + b"9" * 5000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "why"),
    [('{"a": 1}'.encode("utf-16"), "it is not UTF-8"), (b'{"a":' + b"9" * 5000 + b"}", "so many digits$")],
)
def test_a_refusal_is_in_words_of_ours(data: bytes, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        parse_object(data)


def test_a_byte_order_mark_says_nothing() -> None:
    assert parse_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_what_is_too_large_is_passed_over_but_not_without_an_end() -> None:
    sent = BytesIO(bytes(LIMIT + 1))
    pass_over(sent)
    assert sent.read() == b""
    endless = BytesIO(bytes(3 * LIMIT))
    pass_over(endless)
    assert endless.tell() == 2 * LIMIT


@pytest.mark.parametrize("data", REFUSED)
def test_what_the_daemon_could_not_be_sent_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_object(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(data: bytes) -> None:
    with suppress(InvalidRequest):
        assert isinstance(parse_object(data), dict)
