# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading only the items that changed gives what reading the whole text gives, or is not done at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.text import parse, plain_yaml, section_of, yaml_tree
from patronus.core.text.outline import Outline, outline_of, reread

TEXT = """# before
aliases:
  - {id: nas, addresses: [192.168.1.30]}
rules:
  # first
  - {id: a, action: allow}
  - id: b
    name: >
      folded
      - text
    action: drop   # why

  -
    {id: c,
     action: drop}
other: 1
"""
FRAGMENTS = (
    "  - {id: x, action: drop}\n", "  - id: y\n    name: |\n      text\n", "  # note\n", "\n", "  - plain\n",
    "    more\n", "...\n", "---\n", "next: 1\n", "  - 'open\n", "'", '  - "a\n    b"\n', "  - [1,\n", " 2]\n",
    "- z\n", "   - deep\n", "  -\n", "  - |+\n    kept\n\n", "\u2028", "\t", "  - - a\n    - b\n", "%x\n",
    "  - &a b\n", "  - a: \n", "  ", "-", "{", "}", ": ", "#", "\r\n", "  - !t x\n",
    "\x85  - q\n", "  - ? a\n", "  -x\n",
)  # fmt: skip


def outlined(text: str) -> Outline | None:
    return outline_of(parse("r.yaml", text))


def by_libyaml(text: str) -> Any:
    root = yaml_tree.read(text, lambda message, line, column: pytest.fail(f"{message} {line} {column}"))
    return None if root is None else root.data


def agree(old: str, new: str) -> bool:
    """Compare the quick way with the whole; return whether the quick way was taken."""
    document, outline = parse("r.yaml", old), outlined(old)
    found = reread(outline, old, new) if outline else None
    if outline is None or found is None:
        return False
    after = parse("r.yaml", new)
    assert after.problems == []
    items = document.data[outline.key]
    assert by_libyaml(new) == after.data == {
        **document.data, outline.key: [*items[: found.first], *found.items, *items[found.last :]]
    }  # fmt: skip
    known = outline_of(after)
    if known is not None and known.key == outline.key:
        assert (list(known.starts), known.end) == (list(found.outline.starts), found.outline.end)
    return True


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("action: allow", "action: reject"),
        ("  - {id: a, action: allow}\n", ""),
        ("  - {id: a, action: allow}\n", "  - {id: a, action: allow}\n  - id: n\n    action: drop\n"),
        ("action: drop}\nother", "action: drop}\n  - {id: n}\nother"),
        ("# why", "# because"),
        ("  - id: b", "  # above\n  - id: b"),
        ("- text", "- other\n      text"),
    ],
)
def test_a_change_within_the_list_is_read_alone(there: str, instead: str) -> None:
    assert there in TEXT
    assert agree(TEXT, TEXT.replace(there, instead))


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("other: 1", "other: 2"),
        ("nas", "lan"),
        ("  - {id: a, action: allow}\n", "  - {id: a, action: allow}\n...\n"),
        ("action: drop}\nother", "action: drop\nother"),
        ("  - id: b\n", "    more\n  - id: b\n"),
        ("{id: a, action: allow}", "&a {id: a, action: allow}"),
    ],
)
def test_what_reaches_beyond_the_list_is_read_whole(there: str, instead: str) -> None:
    assert there in TEXT
    assert not agree(TEXT, TEXT.replace(there, instead))


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=5), st.data())
def test_no_text_is_read_otherwise_than_whole(pieces: list[str], data: st.DataObject) -> None:
    """Whatever is put wherever: the quick way agrees with the whole, or leaves it alone."""
    start = data.draw(st.integers(0, len(TEXT)))
    stop = data.draw(st.integers(start, min(len(TEXT), start + 40)))
    agree(TEXT, TEXT[:start] + "".join(pieces) + TEXT[stop:])


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=6), st.lists(st.sampled_from(FRAGMENTS), max_size=6))
def test_no_two_lists_are_mixed_up(before: list[str], after: list[str]) -> None:
    lists = ["rules:\n" + "".join(FRAGMENTS[0:2]) + "".join(one) for one in (before, after)]
    agree(lists[0], lists[1])


def test_a_place_in_an_item_is_found_without_the_rest() -> None:
    document, outline = parse("r.yaml", TEXT), outlined(TEXT)
    assert outline is not None
    for path in ((0, "action"), (1, "name"), (2,), (2, "id"), (1, "action")):
        whole = document.location((section_of("r.yaml"), outline.key, *path))
        offset = outline.offset(TEXT, int(path[0]), path[1:])
        assert offset is not None
        assert TEXT.count("\n", 0, offset) + 1 == whole.line
    assert outline.offset(TEXT, 7, ()) is None
    assert outline.offset(TEXT, 0, ("nothing",)) is None


PLAIN = """# what faces write
aliases:
  - {id: nas, addresses: [192.168.1.30, "fd00::1/128"]}
rules:
  # one
  - {"id": "a", "from": "wan", "to": "lan", "destination_port": [80, "8000-8100"], "log": true}

  - {id: b, name: no telnet, protocol: tcp, limit: {rate: 10/s, burst: 5}, enabled: false}
  - id: c
    name: 'single "quotes" #1'
    from: {zone: guest, source: "@admins"}
    schedule: {days: [mon-fri], time: 08:00-18:00}
    source: [fd00:1::/64, 2001:db8::1]
    action: allow
default: drop
to: {wan: allow, lan: null}
"""
TOKENS = (
    "{", "}", "[", "]", ", ", ",", ": ", ":", " ", "a", "b1", "-", "- ", "\n", "\n  - ", "\n    ",
    "\n  - {", '"q"', "'s'", '"', "'", "#", " # c", "1", "01", "0x1F", "0o7", "1.5", ".5", "1e3", "-1",
    "+1", "~", "null", "true", "True", "yes", "on", "08:00", "::1", "fd00::", "@a", "*a", "&a", "!t",
    "?", "? ", "|", ">", "%", "...", "---", "\t", "\\", "\u2028", "\x85", "\ufeff", "\xe4", "id: x",
    "{id: x}", "{a: 1, a: 2}", "12345678901234567890", "=", "<<", "a: b", "{a}", "[a: b]", "k:", "k: v",
    "\r\n", '{"a": 1.0}', '{"a":1}', '"\\u0041"', "''", '""',
)  # fmt: skip


def plain_agrees(text: str) -> bool:
    """Compare the plain reader with libyaml; return whether it took the text."""
    found = plain_yaml.read(text)
    if found is None:
        return False
    assert repr(found.data) == repr(by_libyaml(text))
    tree = yaml_tree.read(text, lambda *_: pytest.fail())
    assert tree is not None
    for key, (column, starts, _) in found.lists.items():
        items = tree.entries[key].node.items if tree.entries else None
        assert items is not None
        lines = [text.rfind("\n", 0, item.start) + 1 for item in items]
        assert list(starts) == lines
        assert all(text[start + column] == "-" for start in starts)
    return True


def test_what_faces_write_is_plain() -> None:
    assert plain_agrees(PLAIN)


@given(st.lists(st.sampled_from(TOKENS), max_size=6), st.data())
def test_a_plain_text_means_what_libyaml_says(tokens: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(PLAIN)))
    stop = data.draw(st.integers(start, min(len(PLAIN), start + 12)))
    plain_agrees(PLAIN[:start] + "".join(tokens) + PLAIN[stop:])


@given(
    st.lists(st.sampled_from(TOKENS), max_size=8), st.sampled_from(["k:\n  - ", "k: ", "k:\n  - {a: ", ""])
)
def test_a_short_plain_text_means_what_libyaml_says(tokens: list[str], head: str) -> None:
    plain_agrees(head + "".join(tokens) + ("}\n" if head.endswith("{a: ") else "\n"))


KEYS = (
    '"a": 1', '"b": "x"', '"a" : 2', '"c": [1, ": d"]', '"d": {"a": 1}', '"e": {}', '"f": "{"', '"g": ":"',
    '"a": "b: c"', '"d": {"a": 1, "a": 2}', '"h": [{"a": 1}, {"b": 2}]', '"i": "}"', '"j": [[], []]',
)  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(KEYS), max_size=5), min_size=1, max_size=5), st.booleans())
def test_no_key_that_stands_twice_is_lost(items: list[list[str]], commented: bool) -> None:
    """Whether keys were lost is told by counting, where that is certain."""
    between = "  # a comment\n" if commented else ""
    text = "rules:\n" + between.join(f"  - {{{', '.join(keys)}}}\n" for keys in items)
    plain_agrees(text)


def test_the_place_of_a_value_in_a_plain_text_is_found() -> None:
    document = parse("r.yaml", PLAIN)
    assert document.lists is not None
    place = document.location(("r", "rules", 2, "schedule", "time"))
    assert (place.line, place.column) == (12, 33)
