# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts become data with places; what is not plain configuration is refused with its line."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.text import SIZE_LIMIT, parse


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"), ("yes", "yes"), ("NO", "NO"), ("08:00-18:00", "08:00-18:00"), ("12:30", "12:30"),
        ("2001-01-01", "2001-01-01"), ("1_000", "1_000"), ("0123", 123), ("0o17", 15), ("0x1F", 31),
        ("-3", -3), ("1.5", 1.5), ("1e3", 1000.0), ("~", None), ("null", None), ("", None),
        ("true", True),
        ("False", False), ("'12'", "12"), ('"a\\n"', "a\n"), ("192.168.1.1", "192.168.1.1"),
        ("1.2.3", "1.2.3"),
        ("9" * 19, "9" * 19), ("=", "="), ("<<", "<<"), ("12h", "12h"), (".", "."), ("+", "+"),
        (".inf", ".inf"),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema_of_yaml_1_2(written: str, value: Any) -> None:
    document = parse("s.yaml", f"key: {written}\n")
    assert not document.problems and document.data == {"key": value}
    assert type(document.data["key"]) is type(value)


@pytest.mark.parametrize(
    ("file", "text", "line", "words"),
    [
        ("s.yaml", "a: 1\nb: 2\na: 3\n", 3, "the key a stands twice"),
        ("s.yaml", "a: 1\nb: &x 1\n", 2, "anchor"),
        ("s.yaml", "a: &x 1\nb: *x\n", 2, "alias"),
        ("s.yaml", "a: !!python/object:os.system 1\n", 1, "tag"),
        ("s.yaml", "a: [1, 2\nb: 3\n", 1, "[ is not closed by ] before line 2"),
        ("s.yaml", "b: 1\na: {b: c\nd: e\n", 2, "{ is not closed by } before line 3"),
        ("s.yaml", 'a: 1\nb: "x\nc: 2\n', 2, "a quote that is not closed"),
        ("s.yaml", "a:\n  - {from: lan, source: @nas, to: wan}\n", 2, 'stands in quotes: "@nas"'),
        ("s.yaml", "a: *.home.arpa\n", 1, 'stands in quotes: "*.home.arpa"'),
        ("s.yaml", "a: [::1]\n", 1, 'stands in quotes: "::1"'),
        ("s.yaml", "a: it's: mine\n", 1, 'a second ": " in one line'),
        ("s.yaml", "a: 'it's'\n", 1, "more text behind a quote"),
        ("s.yaml", "a: 1\n b: 2\n", 2, "how far the lines are indented"),
        ("s.yaml", "a:\n- b: x\n  c: y\n  - d: z\n", 4, "how far the lines are indented"),
        ("s.yaml", "a: -\n", 1, "block sequence entries are not allowed"),
        ("s.yaml", "a: 1\n---\nb: 2\n", 2, "second document"),
        ("s.yaml", "- a\n", 1, "must be a mapping"),
        ("s.yaml", "just text\n", 1, "must be a mapping"),
        ("s.yaml", "? [a]\n: 1\n", 1, "plain text"),
        ("s.yaml", "\ta: 1\n", 1, "tabs do not indent in YAML: use spaces"),
        ("s.yaml", "a: \x00\n", 1, "control characters"),
        ("s.yaml", "a: " + "[" * 40 + "]" * 40 + "\n", 1, "nested deeper"),
        ("s.yaml", "a: 1\nb: '\udcff'\n", 2, "not UTF-8"),
        ("s.json", '\ufeff{"a": 1}', 1, "byte order mark"),
        ("s.toml", "\ufeffa = 1\n", 1, "byte order mark"),
        ("s.json", '{"a": ' + "9" * 5000 + "}", 1, "a number with so many digits"),
        ("s.json", '{"a": 1,\n "a": 2}', 2, "stands twice"),
        ("s.json", '{"a": 1,\n}', 2, "key in double quotes"),
        ("s.json", '{"a": NaN}', 1, "not JSON"),
        ("s.json", '{"a": 1} x', 1, "after the end"),
        ("s.json", '{"a" 1}', 1, "colon"),
        ("s.json", '{"a": [1 2]}', 1, "comma"),
        ("s.json", '{"a": "\n"}', 1, "control character"),
        ("s.json", "[" * 40, 1, "nested deeper"),
        ("s.json", "3", 1, "must be a mapping"),
        ("s.toml", "a = 1\nb = \n", 2, "Invalid value"),
        ("s.toml", "a = 1\na = 2\n", 2, "overwrite"),
        ("s.toml", "a = [1,\n", 2, "Invalid value"),
    ],
)
def test_bad_texts_name_the_line(file: str, text: str, line: int, words: str) -> None:
    document = parse(file, text)
    assert any(words in problem.message for problem in document.problems), document.problems
    place = next(problem.location for problem in document.problems if words in problem.message)
    assert place and (place.file, place.line) == (file, line)


def test_an_empty_file_is_an_empty_mapping() -> None:
    for file in ("s.yaml", "s.json", "s.toml"):
        assert parse(file, "").data == {} and not parse(file, "").problems
    assert parse("s.yaml", "# only this\n---\n").data == {}


def test_a_file_has_a_limit() -> None:
    assert parse("s.yaml", "a: " + "x" * SIZE_LIMIT).problems
    assert not parse("s.yaml", "a: " + "x" * (SIZE_LIMIT - 10)).problems


def test_every_value_has_its_place() -> None:
    text = "# é𝄞\nrules:\n  - id: a\n    ports: [80,\n      443]\n  - id: b\nweb: {port: 1}\n"
    document = parse("s.yaml", text)

    def place(*path: str | int) -> tuple[int, int]:
        location = document.location(("s", *path))
        return location.line, location.column

    assert place("rules") == (2, 1) and place("rules", 0) == (3, 5)
    assert place("rules", 0, "ports") == (4, 5) and place("rules", 0, "ports", 1) == (5, 7)
    assert place("rules", 1, "id") == (6, 5) and place("web", "port") == (7, 7)
    assert place("rules", 1, "missing") == (6, 5) and place("nothing") == (1, 1)


def test_toml_statements_have_their_places() -> None:
    text = 'a = 1\n[web]\nport = 1\nzones = [\n  "x", # ]\n]\n"quoted.key" = """\n[no]\n"""\n'
    text += '[[r]]\nid = "a"\n[[r]]\nx.y = 2\n[r.t]\nz = 1\n'
    document = parse("s.toml", text)
    lines = {
        path: document.location(("s", *path)).line
        for path in (("a",), ("web", "port"), ("web", "zones"), ("web", "quoted.key"), ("r", 0, "id"))
    }
    assert list(lines.values()) == [1, 3, 4, 7, 11]
    assert document.location(("s", "r", 1, "x", "y")).line == 13
    assert document.location(("s", "r", 1, "t", "z")).line == 15
    assert document.location(("s", "web", "zones", 0)).line == 4


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6), plain, max_size=4), st.sampled_from([None, 1, 4]))
def test_json_is_read_as_the_standard_library_reads_it(data: dict[str, Any], indent: int | None) -> None:
    document = parse("s.json", json.dumps(data, indent=indent))
    assert not document.problems and document.data == data


@given(st.dictionaries(st.text(min_size=1, max_size=6), plain, max_size=4), st.booleans())
def test_yaml_of_another_writer_is_read(data: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow)
    document = parse("s.yaml", text)
    assert not document.problems and document.data == json.loads(json.dumps(data))


@given(st.text(max_size=40))
def test_no_text_breaks_a_reader(text: str) -> None:
    for file in ("s.yaml", "s.json", "s.toml"):
        document = parse(file, text)
        assert isinstance(document.data, dict)
        if file == "s.toml" and not document.problems:
            assert document.data == tomllib.loads(text)
