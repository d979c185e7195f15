# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading only the items that changed gives what reading the whole text gives, or is not done at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.text import parse, section_of
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


def agree(old: str, new: str) -> bool:
    """Compare the quick way with the whole; return whether the quick way was taken."""
    document, outline = parse("r.yaml", old), outlined(old)
    found = reread(outline, old, new) if outline else None
    if outline is None or found is None:
        return False
    after = parse("r.yaml", new)
    assert after.problems == []
    items = document.data[outline.key]
    assert after.data == {
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
