# SPDX-License-Identifier: GPL-2.0-or-later
"""What providers answer, and what it means. Pure.

The words are those of the protocol that most speak, ``/nic/update`` (dyndns2), whose authors ask clients to
stop at some of them and to be quiet for half an hour at others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, quote_plus

from patronus.dyndns.task import Verdict

SHOWN = 160
"""Characters of an answer that are kept for people."""
HIDDEN = "***"
NOT_TAKEN = "127.0.0.1"
"""What some providers say they took where they take nothing from this client."""
_MEANING: Mapping[str, tuple[Verdict, str]] = {
    "good": ("told", "the provider has the address"),
    "nochg": ("told", "the provider had the address already"),
    "badauth": ("stop", "the provider does not accept this user and password"),
    "!donator": ("stop", "the provider has this for paying customers alone"),
    "!yours": ("stop", "the name belongs to another account of the provider"),
    "notfqdn": ("stop", "the provider takes whole names alone, such as home.example.net"),
    "nohost": ("stop", "the provider has no such name in this account"),
    "numhost": ("stop", "these are more names than the provider takes at a time"),
    "abuse": ("stop", "the provider has blocked the name: it was updated too often or wrongly"),
    "badagent": ("stop", "the provider does not talk to this program"),
    "badsys": ("stop", "the provider does not know this kind of name"),
    "badip": ("failed", "the provider refuses the address"),
    "dnserr": ("wait", "the provider has a fault in its DNS; it is asked again in half an hour"),
    "911": ("wait", "the provider has a fault or is at work on it; it is asked again in half an hour"),
}
_GRAVITY: tuple[Verdict, ...] = ("stop", "wait", "failed", "told")
"""Of several words in one answer the gravest counts."""
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


@dataclass(frozen=True)
class Meaning:
    """What an answer means for what is done next, what was said, and that in plain words."""

    verdict: Verdict
    answer: str
    words: str


def of_dyndns2(status: int, body: str, names: int) -> Meaning:
    """Return what an answer of ``/nic/update`` means: a word for each name, or one for all of them."""
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    known = [_of_line(line) for line in lines[: max(names, 1)]]
    found = [one for one in known if one is not None]
    if found and len(found) == len(known):
        return min(found, key=lambda one: _GRAVITY.index(one.verdict))
    if (refused := _of_status(status, body)) is not None:
        return refused
    return Meaning("failed", _first(body), "the provider's answer is none of this protocol")


def _of_line(line: str) -> Meaning | None:
    word, _, rest = line.partition(" ")
    meaning = _MEANING.get(word.lower())
    if meaning is None:
        return None
    if meaning[0] == "told" and rest.strip() == NOT_TAKEN:
        return Meaning("stop", line[:SHOWN], "the provider took nothing: it says so by that address")
    return Meaning(meaning[0], line[:SHOWN], meaning[1])


def of_page(status: int, body: str, expect: str | None) -> Meaning:
    """Return what a page means that was asked for: that it is there, and says what it should."""
    if (refused := _of_status(status, body)) is not None:
        return refused
    if expect is not None and expect not in body:
        return Meaning("failed", _first(body), f"the answer does not have {expect!r} in it")
    return Meaning("told", _first(body) or f"{status}", "the provider has taken it")


def _of_status(status: int, body: str) -> Meaning | None:
    """Return what a status other than success means; None for success."""
    said = f"{status} {_first(body)}".strip()
    if status == HTTPStatus.UNAUTHORIZED:
        return Meaning("stop", said, _MEANING["badauth"][1])
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Meaning("wait", said, "the provider was asked too often; it is asked again in half an hour")
    if 300 <= status < 400:
        words = "the provider leads elsewhere, where a password would go along: name that address itself"
        return Meaning("stop", said, words)
    if not 200 <= status < 300:
        return Meaning("failed", said, "the provider answers with an error")
    return None


def _first(body: str) -> str:
    """Return the first line that says something, as text that harms nothing."""
    lines = (line.strip() for line in body.splitlines())
    return _UNPRINTABLE.sub(" ", next((line for line in lines if line), ""))[:SHOWN]


def without(text: str, secrets: Iterable[str | None]) -> str:
    """Return a text in which no secret stands, plain or as URLs write it."""
    spellings = {spelt for one in secrets if one for spelt in (one, quote(one, safe=""), quote_plus(one))}
    for spelt in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelt, HIDDEN)
    return text


_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")


def address_in(body: str) -> str | None:
    """Return the one address of IPv4 in a page; None where there is none, or another too."""
    found = set(_IPV4.findall(body))
    return found.pop() if len(found) == 1 else None
