# SPDX-License-Identifier: GPL-2.0-or-later
"""Models are built when they are first used, and by one thread at a time."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import create_model

from patronus.core.late import Late
from patronus.core.model import Strict
from patronus.core.verb import Parameters, Result

THREADS = 4
ROUNDS = 20


@pytest.mark.parametrize("base", [Strict, Parameters, Result])
def test_a_model_that_nobody_uses_is_not_built(base: type[Late]) -> None:
    """What a boot does not need costs it nothing; the first use builds it."""
    model = create_model("Given", __base__=base, number=(int, ...))
    assert not model.__pydantic_complete__
    assert model(number="1").model_dump() == {"number": 1}
    assert model.__pydantic_complete__


def test_many_threads_use_a_model_first() -> None:
    """While one call checks its parameters, another describes them: never the empty base in their place."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(ROUNDS):
            part = create_model("Part", __base__=Result, number=(int, ...))
            whole = create_model("Whole", __base__=Result, parts=(list[part], ...))  # type: ignore[valid-type]
            used, described = _together(whole)
            assert used == [{"parts": [{"number": 1}]}] * THREADS
            assert described == [["parts"]] * THREADS
    finally:
        sys.setswitchinterval(before)


def _together(model: type[Late]) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """Return what the threads got that use the model, and the properties that those got who describe it."""
    barrier = threading.Barrier(2 * THREADS)

    def use() -> dict[str, Any]:
        barrier.wait()
        return model.model_validate({"parts": [{"number": 1}]}).model_dump()

    def describe() -> list[str]:
        barrier.wait()
        return list(model.model_json_schema().get("properties", {}))

    with ThreadPoolExecutor(2 * THREADS) as pool:
        used = [pool.submit(use) for _ in range(THREADS)]
        described = [pool.submit(describe) for _ in range(THREADS)]
        return [one.result() for one in used], [one.result() for one in described]


class Spoken(Late):
    """A part of what may be said."""

    words: tuple[str, ...] = ("hello",)
    times: int = 1


class Speech(Late):
    """What may be said."""

    first: Spoken = Spoken.unsaid()
    more: tuple[Spoken, ...] = ()


def test_what_nothing_is_said_of_builds_no_validator() -> None:
    speech = Speech.unsaid()
    assert not Speech.__pydantic_complete__
    assert speech == Speech() == Speech.model_validate({"first": {"words": ["hello"]}})
    assert speech.model_dump() == {"first": {"words": ("hello",), "times": 1}, "more": ()}


class Talk(Late):
    """What is described before it is used."""

    first: Spoken = Spoken.unsaid()
    others: tuple[Spoken, ...] = (Spoken.unsaid(),)


def test_a_default_that_is_not_built_yet_is_described() -> None:
    described = Talk.model_json_schema()["properties"]
    assert described["first"]["default"] == {"words": ["hello"], "times": 1}
    assert described["others"]["default"] == [{"words": ["hello"], "times": 1}]
