# SPDX-License-Identifier: GPL-2.0-or-later
"""What providers answer is heeded as they ask, and what is shown of it harms nobody."""

from __future__ import annotations

import pytest

from patronus.dyndns.answers import address_in, of_dyndns2, of_page, without
from patronus.dyndns.spelling import pages, words_of
from patronus.dyndns.task import Dyndns2, Telling, Template


@pytest.mark.parametrize(
    ("status", "body", "names", "verdict"),
    [
        (200, "good 203.0.113.5", 1, "told"),
        (200, "nochg 203.0.113.5\r\n", 1, "told"),
        (200, "good\nnochg\n", 2, "told"),
        (200, "good\nnohost", 2, "stop"),
        (200, "911\nbadauth", 2, "stop"),
        (200, "good\n911", 2, "wait"),
        (200, "badauth", 2, "stop"),
        (401, "", 1, "stop"),
        (401, "<h1>Unauthorized</h1>", 1, "stop"),
        (404, "nohost", 1, "stop"),
        (302, "", 1, "stop"),
        (429, "slow down", 1, "wait"),
        (500, "911", 1, "wait"),
        (500, "oops", 1, "failed"),
        (200, "", 1, "failed"),
        (200, "goodbye", 1, "failed"),
        (200, "badip", 1, "failed"),
        (200, "good 127.0.0.1", 1, "stop"),
        (200, "GOOD 203.0.113.5\n\n\nthank you\n", 1, "told"),
    ],
)
def test_the_gravest_word_counts(status: int, body: str, names: int, verdict: str) -> None:
    assert of_dyndns2(status, body, names).verdict == verdict


def test_a_page_is_good_by_its_status_and_by_what_it_shall_say() -> None:
    assert of_page(204, "", None).verdict == "told"
    assert of_page(200, "KO", None).verdict == "told"
    found = of_page(200, "KO\nnever", "OK")
    assert (found.verdict, found.answer, found.words) == (
        "failed", "KO", "the answer does not have 'OK' in it",
    )  # fmt: skip
    assert of_page(200, "xOKx", "OK").verdict == "told"
    assert of_page(403, "OK", "OK").verdict == "failed"


def test_an_answer_is_shown_short_and_without_what_terminals_take_for_orders() -> None:
    found = of_page(500, "\n  \x1b[31m\u202eoops\x00 " + "x" * 500, None)
    assert found.answer.startswith("500  [31m oops  x")
    assert len(found.answer) < 200


def test_no_spelling_of_a_secret_stands_in_what_is_said() -> None:
    said = "a p&s/s, p%26s%2Fs, and a+b p+s"
    assert without(said, ["p&s/s", None, ""]) == "a ***, ***, and a+b p+s"


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ("198.51.100.7\n", "198.51.100.7"),
        ("<b>Current IP Address: 198.51.100.7</b>", "198.51.100.7"),
        ('{"ip":"198.51.100.7","again":"198.51.100.7"}', "198.51.100.7"),
        ("198.51.100.7 by 192.0.2.1", None),
        ("version 1.2.3.4.5", None),
        ("2001:db8::1", None),
    ],
)
def test_an_address_counts_where_a_page_has_one(body: str, address: str | None) -> None:
    assert address_in(body) == address


def test_words_are_filled_in_as_values_and_can_be_nothing_else() -> None:
    template = (
        "https://dyn.example/{user}/set?n={name}&all={names}&ip={ipv4}&six={ipv6}&a={address}&p={password}"
    )
    assert words_of(template) == ["user", "name", "names", "ipv4", "ipv6", "address", "password"]
    found = list(pages(template, ["a.example", "b.example"], "", "2001:db8::1", "an/na", "x&y=/?#{name}"))
    six = "2001%3Adb8%3A%3A1"
    rest = f"all=a.example%2Cb.example&ip=&six={six}&a={six}&p=x%26y%3D%2F%3F%23%7Bname%7D"
    assert found == [
        f"https://dyn.example/an%2Fna/set?n=a.example&{rest}",
        f"https://dyn.example/an%2Fna/set?n=b.example&{rest}",
    ]
    assert list(pages("https://dyn.example/?{ipv4}", ["a", "b"], "192.0.2.1", "", "", "")) == [
        "https://dyn.example/?192.0.2.1"
    ], "without the name, once is enough"


def test_a_telling_can_be_logged_without_its_password() -> None:
    one = Telling(
        id="home",
        hostnames=("home.example",),
        dyndns2=Dyndns2(server="https://dyn.example", user="anna", password="geheim"),
        url=Template(address="https://dyn.example", password="geheim"),
    )
    assert "geheim" not in f"{one} {one!r} {one.dyndns2!r}"
