# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with a text that is no YAML, in the words of a person who writes configuration. Pure.

libyaml says what its scanner was at ("while scanning for the next token found character that cannot start any
token"); what people did is nearly always one of a few things, and the place tells which.
"""

from __future__ import annotations

import yaml

_STARTS_NOTHING = "@`%*&!|>:"
"""What a plain value cannot begin with (YAML 1.2 section 5.3); ``@`` is how our files name aliases."""
_PAIRS = {"[": "]", "{": "}"}


def explained(text: str, error: yaml.MarkedYAMLError) -> tuple[str, int, int]:
    """Return what is wrong, and the line and column, from 1, where."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return error.problem or "not YAML", 1, 1
    lines = text.split("\n")
    line, column = mark.line, mark.column
    here = lines[line] if line < len(lines) else ""
    problem, begun = error.problem or "", error.context_mark
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return "tabs do not indent in YAML: use spaces", line + 1, column + 1
    if begun is not None and "quoted scalar" in (error.context or ""):
        return "a quote that is not closed", begun.line + 1, begun.column + 1
    if begun is not None and (sign := _sign(lines, begun)) in _PAIRS and "expected ','" in problem:
        return (
            f"{sign} is not closed by {_PAIRS[sign]} before line {line + 1}",
            begun.line + 1,
            begun.column + 1,
        )
    return _at(here, column, error), line + 1, column + 1


def _sign(lines: list[str], mark: yaml.Mark) -> str:
    return lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""


def _at(here: str, column: int, error: yaml.MarkedYAMLError) -> str:
    """Return what is wrong at a place of a line."""
    problem = error.problem or ""
    value = here[column:].strip() if "alias" not in (error.context or "") else here[column - 1 :].strip()
    if value[:1] and value[0] in _STARTS_NOTHING and "not allowed" not in problem:
        return f'a value that begins with {value[0]} stands in quotes: "{_first(value)}"'
    if "mapping values are not allowed" in problem and ": " in here[:column]:
        return 'a second ": " in one line: a text with it stands in quotes, a key on a line of its own'
    if here[:column].endswith(("'", '"')):
        return "more text behind a quote that closed: a text with quotes in it stands in the other kind"
    if (
        "mapping values are not allowed" in problem
        or "did not find expected key" in problem
        or "expected '-' indicator" in problem
    ):
        return "this stands neither under the line above nor beside it: see how far the lines are indented"
    return " ".join(part for part in (error.context, problem) if part) or "not YAML"


def _first(value: str) -> str:
    """Return a plain value's own text, up to what ends it."""
    ends = [at for sign in (",", "]", "}", " #") if (at := value.find(sign)) > 0]
    return value[: min(ends, default=len(value))].strip()
