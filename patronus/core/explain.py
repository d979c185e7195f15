# SPDX-License-Identifier: GPL-2.0-or-later
"""Pydantic's findings as problems that a person can act on: place, value, what is allowed, a hint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from patronus.core.problem import Path, Problem
from patronus.core.shape import keys_at
from patronus.core.text import Document
from patronus.core.values.refusal import Refused, shown

_KINDS = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "string": "text",
    "list": "a list", "tuple": "a list", "set": "a list", "frozen_set": "a list",
    "dict": "a mapping", "model": "a mapping", "model_attributes": "a mapping", "none": "empty",
}  # fmt: skip
_BOUNDS = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}


@dataclass(frozen=True)
class Finding:
    """One of pydantic's errors with its path in the data; ``branch`` names the union branch it is from."""

    path: Path
    error: ErrorDetails
    branch: tuple[Path, str] | None

    @property
    def of_wrong_kind(self) -> bool:
        """Return whether the branch did not fit at all, rather than having something wrong inside."""
        if self.branch is None or self.path != self.branch[0]:
            return False
        parser_met_a_collection = self.branch[1].startswith("function") and isinstance(
            self.error["input"], dict | list
        )
        return parser_met_a_collection or _kind_of(self.error["type"]) is not None


def explain(document: Document, model: type[BaseModel], data: Any, error: ValidationError) -> list[Problem]:
    """Return one problem for each thing that is wrong."""
    section = document.file.rpartition(".")[0]
    findings = [_finding(data, details) for details in error.errors(include_url=False)]
    problems: dict[tuple[Path, str], Problem] = {}
    for finding in _best_branches(findings):
        problem = _problem(model, finding)
        path = (section, *problem.path)
        key = (path, problem.message)
        problems.setdefault(key, _placed(problem, path, document))
    return _joined(problems.values())


def _placed(problem: Problem, path: Path, document: Document) -> Problem:
    return Problem(
        path, problem.message, problem.value, problem.allowed, problem.hint, location=document.location(path)
    )


def _finding(data: Any, details: ErrorDetails) -> Finding:
    """Drop from pydantic's place what is no key or position: the names of union branches."""
    path: Path = ()
    branch: tuple[Path, str] | None = None
    last = len(details["loc"]) - 1
    for position, part in enumerate(details["loc"]):
        if isinstance(data, Mapping) and (part in data or (position == last and _names_a_key(details))):
            path, data = (*path, part), data.get(part)
        elif isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
            path, data = (*path, part), data[part]
        elif branch is None and part != "[key]":
            branch = (path, str(part))
    return Finding(path, details, branch)


def _names_a_key(details: ErrorDetails) -> bool:
    return details["type"] in ("missing", "extra_forbidden")


def _best_branches(findings: list[Finding]) -> list[Finding]:
    """Keep, of each union, the branches that the value was likely meant for."""
    places: dict[Path, dict[str, list[Finding]]] = {}
    for finding in findings:
        if finding.branch:
            places.setdefault(finding.branch[0], {}).setdefault(finding.branch[1], []).append(finding)
    dropped: set[int] = set()
    for branches in places.values():
        unfit = [group for group in branches.values() if any(one.of_wrong_kind for one in group)]
        if len(unfit) < len(branches):
            dropped |= {id(finding) for group in unfit for finding in group}
    return [finding for finding in findings if id(finding) not in dropped]


def _joined(problems: Iterable[Problem]) -> list[Problem]:
    """Make one problem of several about the same value: what any of them allows is allowed."""
    joined: dict[Path, Problem] = {}
    for problem in problems:
        first = joined.setdefault(problem.path, problem)
        if first is problem:
            continue
        allowed = " or ".join(dict.fromkeys(one.allowed for one in (first, problem) if one.allowed)) or None
        hint = first.hint or problem.hint
        joined[problem.path] = Problem(
            first.path, first.message, first.value, allowed, hint, location=first.location
        )
    return list(joined.values())


def _kind_of(kind: str) -> str | None:
    """Return what was wanted where the value is of the wrong kind: ``int_parsing`` → a whole number."""
    for ending in ("_type", "_parsing", "_parsing_size", "_from_float"):
        if kind.endswith(ending) and kind.removesuffix(ending) in _KINDS:
            return _KINDS[kind.removesuffix(ending)]
    return None


def _problem(model: type[BaseModel], finding: Finding) -> Problem:
    """Return the problem, its path still without the section."""
    error, path = finding.error, finding.path
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(path, value, keys_at(model, path[:-1]))
    if kind == "value_error":
        return _refused(path, value, context.get("error"))
    if kind in ("literal_error", "enum"):
        return _choice(path, value, str(context.get("expected", "")))
    if wanted := _kind_of(kind):
        return Problem(
            path, f"{shown(value)} is not {wanted}", _scalar(value), None, _kind_hint(wanted, value)
        )
    found = _absent(path, kind, context) or _bound(path, value, kind, context)
    return found or Problem(path, f"{shown(value)}: {error['msg']}", _scalar(value))


def _absent(path: Path, kind: str, context: Mapping[str, Any]) -> Problem | None:
    """Return the problem of a missing key, or of the key that tells a union's branches apart."""
    if kind == "missing":
        return Problem(path, f"{path[-1]} is missing")
    tag = str(context.get("discriminator", "")).strip("'")
    if kind == "union_tag_invalid":
        return _choice((*path, tag), context["tag"], str(context["expected_tags"]))
    return Problem((*path, tag), f"{tag} is missing") if kind == "union_tag_not_found" else None


def unknown_key(path: Path, value: Any, allowed: list[str]) -> Problem:
    """Return the problem of a key that the mapping does not have."""
    close = get_close_matches(str(path[-1]), allowed, 1)
    hint = f"did you mean {close[0]}?" if close else None
    return Problem(path, f"unknown key {path[-1]}", _scalar(value), f"known: {', '.join(allowed)}", hint)


def _refused(path: Path, value: Any, error: Any) -> Problem:
    if isinstance(error, Refused):
        return Problem(path, error.message, _scalar(value), error.allowed, error.hint)
    return Problem(path, str(error), _scalar(value))


def _choice(path: Path, value: Any, expected: str) -> Problem:
    choices = [choice.strip("' ") for choice in expected.replace(" or ", ",").split(",")]
    close = get_close_matches(str(value).lower(), choices, 1)
    hint = f"did you mean {close[0]}?" if close else None
    return Problem(path, f"{shown(value)} is not possible here", _scalar(value), " | ".join(choices), hint)


def _kind_hint(wanted: str, value: Any) -> str | None:
    if wanted == "text" and isinstance(value, bool | int | float):
        return "put it in quotes"
    if wanted == "a list" and value is None:
        return "leave the key out, or write []"
    if wanted == "a list" and not isinstance(value, dict):
        return f"put it in brackets: [{shown(value)}]"
    return None


def _bound(path: Path, value: Any, kind: str, context: Mapping[str, Any]) -> Problem | None:
    if kind in _BOUNDS:
        limit = next(iter(context.values()))
        return Problem(path, f"{shown(value)} is out of range", _scalar(value), f"{_BOUNDS[kind]} {limit}")
    if kind in ("too_long", "string_too_long"):
        return Problem(path, "the value is too long", _scalar(value), f"at most {context['max_length']}")
    if kind in ("too_short", "string_too_short"):
        return Problem(path, "the value is too short", _scalar(value), f"at least {context['min_length']}")
    return None


def _scalar(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else None
