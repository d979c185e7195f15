# SPDX-License-Identifier: GPL-2.0-or-later
"""No answer is believed that the key does not stand for, whatever its bytes are."""

from __future__ import annotations

import random
import struct
from ipaddress import IPv4Address

import pytest

from patronus.dyndns.update import FUDGE_S, Key, Request, Unsigned, refusal, request, spelt

KEY = Key("router.key", "hmac-sha256", b"0123456789abcdef")
NOW = 1_800_000_000
ASKED = request(KEY, "example.net", ["home.example.net"], [IPv4Address("203.0.113.5")], 60, 7, NOW)


def answer(asked: Request = ASKED, code: int = 0, key: Key = KEY, at_s: int = NOW, error: int = 0) -> bytes:
    """Return what a name server says that has the key."""
    bare = struct.pack("!HHHHHH", asked.number, 0xA800 | code, 0, 0, 0, 0)
    tail = struct.pack("!HH", error, 0)
    mac = key.mac(struct.pack("!H", len(asked.mac)), asked.mac, bare, key.variables(at_s, FUDGE_S, tail))
    data = spelt(key.algorithm) + struct.pack("!HIH", at_s >> 32, at_s & 0xFFFFFFFF, FUDGE_S)
    data += struct.pack("!H", len(mac)) + mac + struct.pack("!H", asked.number) + tail
    record = spelt(key.name) + struct.pack("!HHIH", 250, 255, 0, len(data)) + data
    return bare[:10] + struct.pack("!H", 1) + record


def test_a_signed_answer_is_believed() -> None:
    assert refusal(answer(), ASKED, KEY, NOW) is None
    assert refusal(answer(), ASKED, KEY, NOW + FUDGE_S) is None
    assert refusal(answer(code=5), ASKED, KEY, NOW) == (
        "the name server does not let this key change the name"
    )
    assert refusal(answer(code=11), ASKED, KEY, NOW) == "the name server refuses (11)"
    assert "differ" in str(refusal(answer(code=9, error=18), ASKED, KEY, NOW))


def test_another_key_question_or_time_is_not() -> None:
    other = Key("router.key", "hmac-sha256", b"0123456789abcdeX")
    later = request(KEY, "example.net", ["home.example.net"], [IPv4Address("203.0.113.6")], 60, 7, NOW)
    for wrong, said in (
        (answer(key=other), "not signed by the key"),
        (answer(later), "not signed by the key"),
        (answer(at_s=NOW - FUDGE_S - 1), "of another time"),
        (answer()[:12], "no DNS message"),
        (struct.pack("!HHHHHH", 7, 0xA800, 0, 0, 0, 0), "its answer is not signed"),
        (struct.pack("!HHHHHH", 7, 0xA805, 0, 0, 0, 0), "does not let this key"),
        (struct.pack("!HHHHHH", 8, 0xA800, 0, 0, 0, 0), "answers something else"),
        (struct.pack("!HHHHHH", 7, 0x2800, 0, 0, 0, 0), "answers something else"),
        (struct.pack("!HHHHHH", 7, 0xA800, 0, 0, 0, 1) + b"\xc0\x0c" * 9, "no DNS message"),
    ):
        with pytest.raises(Unsigned, match=said):
            refusal(wrong, ASKED, KEY, NOW)


def test_bytes_that_changed_on_the_way_are_never_a_yes() -> None:
    good = answer()
    record = 12 + len(spelt(KEY.name))
    unsigned = range(record + 2, record + 8)  # class and TTL of the signature are not signed, and not read
    draw = random.Random(20261128)
    for place in range(len(good)):
        if place in unsigned:
            continue
        bad = bytearray(good)
        bad[place] ^= draw.randrange(1, 32)  # not the bit alone by which a letter is another case
        try:
            assert refusal(bytes(bad), ASKED, KEY, NOW) is not None, place
        except Unsigned:
            continue
    for length in range(len(good)):
        with pytest.raises(Unsigned):
            refusal(good[:length], ASKED, KEY, NOW)
    for _ in range(2000):
        with pytest.raises(Unsigned):
            refusal(good[:2] + draw.randbytes(draw.randrange(0, 80)), ASKED, KEY, NOW)
