# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs become Varlink descriptions that keep names, optional fields, lists and structures."""

from __future__ import annotations

from patronus.core.verb import Caller, Parameters, Result, Verb
from patronus.daemon.description import interfaces


class Part(Result):
    name: str
    inner: list[Part] = []


class Given(Parameters):
    count: int
    label: str | None = None
    tags: dict[str, str] = {}
    either: int | str = 1


class Returned(Result):
    parts: list[Part]
    ratio: float


def handler(caller: Caller, given: Given) -> Returned:
    """Measure the parts.

    More words.
    """
    return Returned(parts=[], ratio=given.count / 2)


def test_a_verb_is_described_with_its_types() -> None:
    described = interfaces([Verb("test.Measure", Given, Returned, handler)])
    assert set(described) == {"org.varlink.service", "io.patronus.test.v1"}
    text = described["io.patronus.test.v1"]
    assert "# Measure the parts.\nmethod Measure(" in text
    assert (
        "(count: int, label: ?string, tags: ?[string]string, either: ?object, "
        "session: ?string, origin: ?string, draft: ?bool)" in text
    )
    assert "-> (parts: [](name: string, inner: ?[]object), ratio: float)" in text
    assert "error NotFound (message: string)" in text
