# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that tries expectations: those of the configuration, or those of a file of a user's. Pure."""

from __future__ import annotations

import secrets
from typing import Literal

from pydantic import Field

from patronus.core.errors import InvalidConfiguration
from patronus.core.model import Configuration, Section
from patronus.core.schema import Schema
from patronus.core.verb import Parameters, Result
from patronus.firewall.judge.expect import SECTION, Outcome, outcomes
from patronus.firewall.judge.words import spoken
from patronus.firewall.model import Expectations

Suffix = Literal["yaml", "toml", "json"]


class Try(Parameters):
    """Expectations as ``firewall/tests`` has them; left out, those of the running configuration."""

    text: str | None = Field(default=None, max_length=10_000_000, description="a file of expectations")
    suffix: Suffix = Field(default="yaml", description="how the file is written")


class TryResult(Result):
    """One packet that was tried. ``where`` is the place of the rule that decided, if a rule did."""

    id: str
    name: str | None
    line: int | None
    what: str
    expected: str
    action: str | None
    decided_by: str | None
    where: str | None
    fault: str | None
    text: str = Field(description="all of it in a line for a person")


class TryReport(Result):
    """All packets in the order of the file, and how many did not come to what was expected."""

    results: list[TryResult]
    failed: int


def run(config: Configuration, given: Try) -> TryReport:
    """Try expectations on the rules of a configuration. Raises InvalidConfiguration for a faulty text."""
    places = config
    if given.text is not None:
        places = read(given.text, given.suffix)
    found = [_result(one, places) for one in outcomes(config, places.get(Expectations))]
    return TryReport(results=found, failed=sum(one.fault is not None for one in found))


def read(text: str, suffix: Suffix) -> Configuration:
    """Return a file of expectations as a configuration of that section alone. Raises InvalidConfiguration."""
    schema = Schema((Section(SECTION, Expectations),), lambda digits: secrets.token_hex(digits // 2))
    loaded = schema.load({f"{SECTION}.{suffix}": text})
    if loaded.problems:
        raise InvalidConfiguration(loaded.problems)
    return loaded.config


def _result(one: Outcome, places: Configuration) -> TryResult:
    place = places.locate(one.path)
    line = f"line {place.line}" if place else one.expectation.id
    held = f"is {spoken(one.decision)}"
    rule = f"; {one.where} decides" if one.where else ""
    mark, said = ("ok  ", held) if one.fault is None else ("FAIL", one.fault)
    return TryResult(
        id=one.expectation.id,
        name=one.expectation.name,
        line=place.line if place else None,
        what=one.what,
        expected=one.expectation.expect,
        action=one.decision.action if one.decision else None,
        decided_by=one.decision.origin if one.decision else None,
        where=one.where,
        fault=one.fault,
        text=f"{mark} {line}: {one.what} {said}{rule}",
    )
