# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math
import re

from patronus.secrets.code import ALPHABET
from patronus.secrets.setup import generate


def test_a_code_has_at_least_80_bits_in_groups() -> None:
    text, _ = generate("b", "new")
    assert re.fullmatch(r"([0-9A-Z]{4}-){4}[0-9A-Z]{4}", text)
    assert len(set(ALPHABET)) == 32
    assert math.log2(len(ALPHABET)) * len(text.replace("-", "")) >= 80


def test_codes_differ_and_use_the_whole_alphabet() -> None:
    codes = {generate("b", "new")[0] for _ in range(300)}
    assert len(codes) == 300
    assert set("".join(codes)) == set(ALPHABET) | {"-"}


def test_what_is_stored_does_not_hold_the_code() -> None:
    text, stored = generate("b", "new")
    assert text not in repr(stored)
    assert text.replace("-", "") not in repr(stored)


def test_a_code_is_taken_as_people_type_it_and_no_other_is() -> None:
    text, stored = generate("b", "new")
    for typed in (text, text.lower(), text.replace("-", " "), text.replace("0", "O").replace("1", "l")):
        assert stored.matches(typed, "b")
    other = ("1" if text[0] != "1" else "2") + text[1:]
    for wrong in (other, text[:-1], text + "0", "", "-" * 24):
        assert not stored.matches(wrong, "b")


def test_a_code_is_for_one_boot() -> None:
    text, stored = generate("b", "new")
    assert not stored.matches(text, "c")
