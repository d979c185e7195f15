# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages survive any cutting of the stream; what is no message is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.varlink import Decoder, MalformedMessage, encode

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(messages=st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=4), size=st.integers(1, 50))
def test_messages_survive_any_cutting_of_the_stream(messages: list[dict[str, object]], size: int) -> None:
    stream = b"".join(encode(message) for message in messages)
    decoder = Decoder()
    received = []
    for start in range(0, len(stream), size):
        received += list(decoder.feed(stream[start : start + size]))
    assert received == messages


@pytest.mark.parametrize("frame", [b"\0", b"[]\0", b"{\0", b'"a"\0', b"\xff\0", b"[" * 100_000 + b"\0"])
def test_what_is_no_message_is_refused(frame: bytes) -> None:
    with pytest.raises(MalformedMessage):
        list(Decoder().feed(frame))


@pytest.mark.parametrize("value", [rb'"\ud800"', b'"\xed\xa0\x80"', rb'["\udc80 x"]', b"NaN", b"-Infinity"])
def test_what_python_reads_and_json_has_not_is_refused(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        list(Decoder().feed(b'{"a":' + value + b"}\0"))


def test_a_whole_character_in_two_escapes_is_taken() -> None:
    assert list(Decoder().feed(rb'{"a":"\ud83d\ude00"}' + b"\0")) == [{"a": "\U0001f600"}]


def test_what_is_no_text_can_still_be_told() -> None:
    assert list(Decoder().feed(encode({"a": "x\udcff"}))) == [{"a": "x?"}]


def test_a_message_without_an_end_is_refused_at_the_limit() -> None:
    decoder = Decoder(limit=100)
    assert list(decoder.feed(b"a" * 100)) == []
    with pytest.raises(MalformedMessage):
        list(decoder.feed(b"a"))
