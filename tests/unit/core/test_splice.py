# SPDX-License-Identifier: GPL-2.0-or-later
"""An edit changes its own span and nothing else, whatever the manner in which the file is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import Conflict, InvalidRequest, NotFound
from patronus.core.problem import Path
from patronus.core.splice import edit_document, insert_many, write_ids
from patronus.core.splice.data import edited
from patronus.core.splice.emit import inline, mapping_lines, normal
from patronus.core.text import parse

RULES = """\
# what may pass
aliases:
  - {id: nas, addresses: [192.168.1.30]}   # the box
rules:
  # first the admins
  - id: r-1
    name: admins   # keep
    source: "@admins"
    destination_port: 22
  # then the web
  - id: r-2
    destination_port:
      - 80         # plain
      - 443
    action: allow

  - {id: r-3, action: drop}
never: [10.0.0.0/8]
"""


def spliced(text: str, edit: Insert | Replace | Remove, file: str = "firewall/rules.yaml") -> str:
    return edit_document(parse(file, text), edit)


def test_a_replaced_key_leaves_its_comment_and_neighbours() -> None:
    new = spliced(RULES, Replace("firewall/rules", ("rules", "r-1", "name"), "operators"))
    assert new == RULES.replace("name: admins   # keep", "name: operators   # keep")


def test_a_replaced_item_changes_only_what_differs_and_keeps_its_id() -> None:
    value = {"name": "admins", "source": "@admins", "destination_port": 2222, "log": True}
    new = spliced(RULES, Replace("firewall/rules", ("rules", "r-1"), value))
    assert new == RULES.replace("destination_port: 22\n", "destination_port: 2222\n    log: true\n")


def test_a_new_item_comes_after_the_one_before_it() -> None:
    edit = Insert("firewall/rules", ("rules",), {"id": "r-9", "name": "new", "a": 1, "b": 2}, index=1)
    new = spliced(RULES, edit)
    item = "  - id: r-9\n    name: new\n    a: 1\n    b: 2\n"
    assert new == RULES.replace("  # then the web\n", f"{item}  # then the web\n")


def test_a_new_item_at_the_end_is_written_like_the_last_one() -> None:
    new = spliced(RULES, Insert("firewall/rules", ("rules",), {"id": "r-9", "action": "allow"}))
    assert new == RULES.replace("action: drop}\n", "action: drop}\n  - {id: r-9, action: allow}\n")


def test_a_removed_item_takes_its_lines_and_no_comment_of_its_own_line() -> None:
    new = spliced(RULES, Remove("firewall/rules", ("rules", "r-1")))
    start, end = RULES.index("  - id: r-1"), RULES.index("  # then the web")
    assert new == RULES[:start] + RULES[end:]


def test_a_scalar_item_is_named_by_its_text() -> None:
    assert spliced(RULES, Remove("firewall/rules", ("never", "10.0.0.0/8"))).endswith("never: []\n")
    new = spliced(RULES, Insert("firewall/rules", ("never",), "fd00::/8"))
    assert new == RULES.replace("[10.0.0.0/8]", '[10.0.0.0/8, "fd00::/8"]')


def test_the_last_item_leaves_an_empty_list() -> None:
    text = "rules:\n  - id: a\n    x: 1\nother: 1\n"
    assert spliced(text, Remove("s", ("rules", "a")), "s.yaml") == "rules: []\nother: 1\n"


def test_an_empty_or_missing_file_is_made() -> None:
    new = spliced("", Insert("s", ("rules",), {"id": "a", "action": "drop"}), "s.yaml")
    assert new == "rules:\n  - {id: a, action: drop}\n"
    assert spliced("# note\n", Replace("s", ("a",), 1), "s.yaml") == "# note\na: 1\n"
    assert json.loads(spliced("", Insert("s", ("rules",), {"id": "a"}), "s.json")) == {"rules": [{"id": "a"}]}
    assert spliced("", Replace("s", ("web", "port"), 443), "s.toml").strip() == "[web]\nport = 443"


def test_a_missing_item_and_a_taken_id_are_refused() -> None:
    with pytest.raises(NotFound):
        spliced(RULES, Remove("firewall/rules", ("rules", "r-7")))
    with pytest.raises(NotFound):
        spliced(RULES, Replace("firewall/rules", ("rules", "r-7"), {"x": 1}))
    with pytest.raises(Conflict):
        spliced(RULES, Insert("firewall/rules", ("rules",), {"id": "r-1"}))
    with pytest.raises(InvalidRequest):
        spliced(RULES, Replace("firewall/rules", ("rules", "r-1", "name"), {1, 2}))


def test_the_id_of_an_item_never_changes() -> None:
    with pytest.raises(InvalidRequest):
        spliced(RULES, Remove("s", ("rules", "r-1", "id")))
    with pytest.raises(InvalidRequest):
        spliced(RULES, Replace("s", ("rules", "r-1", "id"), "r-5"))
    assert spliced(RULES, Replace("s", ("rules", "r-1", "id"), "r-1")) == RULES


def test_a_byte_order_mark_that_moves_every_place_is_named() -> None:
    document = parse("s.yaml", "\ufeffr:\n  - {a: 1}\n")
    with pytest.raises(InvalidRequest, match="byte order mark: save it as UTF-8 without one"):
        write_ids(document, {("r", 0): "r-0"})


def test_json_keeps_its_layout() -> None:
    text = json.dumps({"rules": [{"id": "a", "x": 1}, {"id": "b"}], "n": [1, 2]}, indent=4)
    new = spliced(text, Replace("s", ("rules", "a", "x"), 2), "s.json")
    assert new == text.replace('"x": 1', '"x": 2')
    new = spliced(text, Insert("s", ("rules",), {"id": "c"}), "s.json")
    assert json.loads(new)["rules"][-1] == {"id": "c"}
    assert new.replace(text[: text.index('"b"')], "").startswith('"b"')


def test_toml_keeps_its_comments() -> None:
    text = '# top\n[web]   # admin page\nport = 443  # tls\nzones = ["lan"]\n\n[[rules]]\nid = "a"\n# end\n'
    assert spliced(text, Replace("p", ("web", "port"), 8443), "p.toml") == text.replace("443", "8443")
    new = spliced(text, Insert("p", ("rules",), {"id": "b", "x": 1}), "p.toml")
    assert new.startswith(text.rstrip("\n").removesuffix("# end").rstrip("\n")) and 'id = "b"' in new
    assert 'id = "a"' not in spliced(text, Remove("p", ("rules", "a")), "p.toml")


def test_many_items_go_in_at_once() -> None:
    values = [{"id": f"x-{n}", "action": "drop"} for n in range(50)]
    new = insert_many(parse("s.yaml", RULES), "s", ("rules",), values)
    assert parse("s.yaml", new).data["rules"][3:] == values


@pytest.mark.parametrize(
    ("file", "text", "given"),
    [
        ("s.yaml", "r:\n  - a: 1\n    # c\n    b: 2\n  - {}\n  - {a: 1}\n  -\n    a: 1\n", 4),
        ("s.yaml", "r:\n- a: 1\n- id:\n  a: 2\n", 2),
        ("s.json", '{"r": [{"a": 1}, {}, {\n  "a": 2\n}]}', 3),
        ("s.toml", "[[r]]\na = 1\n[[r]]\n", 2),
    ],
)
def test_ids_are_written_into_hand_written_files(file: str, text: str, given: int) -> None:
    document = parse(file, text)
    ids: dict[Path, str] = {("r", position): f"r-{position}" for position in range(given)}
    after = parse(file, write_ids(document, ids))
    assert not after.problems
    for position, item in enumerate(after.data["r"]):
        assert item == {**document.data["r"][position], "id": f"r-{position}"}


words = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["on", "12:30", "- a", "a: b", "# c", "~", "null", "0x1f", "1e3", "a #b", " ", "@x", "é𝄞"]
    ),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**15), 10**15), words, st.floats(-1e6, 1e6))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(words, values, min_size=1, max_size=4))
def test_what_is_written_is_read_back(data: dict[str, Any]) -> None:
    assert normal(data) == data
    block = "\n".join(mapping_lines(data, 0)) + "\n"
    assert parse("s.yaml", block).data == data
    assert parse("s.yaml", f"v: {inline(data)}\n").data == {"v": data}


items = st.fixed_dictionaries(
    {}, optional={"name": words, "ports": st.lists(st.integers(1, 9), max_size=3), "more": values}
)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[str, Any], list[str]]:
    """A rules file in a random hand: indented or not, block or flow items, comments between."""
    count = draw(st.integers(0, 5))
    indent = draw(st.sampled_from([0, 2, 4]))
    data: list[dict[str, Any]] = []
    lines, comments = ["# head"], ["# head"]
    for number in range(count):
        item = {"id": f"i-{number}", **draw(items)}
        data.append(item)
        if draw(st.booleans()):
            comments.append(f"# before {number}")
            lines.append(" " * indent + comments[-1])
        if draw(st.booleans()):
            lines.append(" " * indent + f"- {inline(item)}" + draw(st.sampled_from(["", "  # tail"])))
        else:
            body = mapping_lines(item, indent + 2)
            lines += [" " * indent + "- " + body[0].lstrip(), *body[1:]]
        lines += [""] * draw(st.integers(0, 1))
    lines.insert(1, "rules:" if count else "rules: []")
    lines += draw(st.sampled_from([[], ["other: 1"], ["", "# tail", "other: 1   # x"]]))
    text = "\n".join(lines) + draw(st.sampled_from(["\n", ""]))
    whole: dict[str, Any] = {"rules": data}
    if "other" in text.splitlines()[-1]:
        whole["other"] = 1
    return text, whole, comments


@st.composite
def edits(draw: st.DrawFn, count: int) -> Insert | Replace | Remove:
    kind = draw(st.sampled_from(["insert", "replace", "remove", "key", "drop"]))
    if count == 0 or kind == "insert":
        index = draw(st.one_of(st.none(), st.integers(0, count)))
        return Insert("s", ("rules",), {"id": "new", **draw(items)}, index)
    target = f"i-{draw(st.integers(0, count - 1))}"
    if kind == "replace":
        return Replace("s", ("rules", target), {"id": target, **draw(items)})
    if kind == "key":
        return Replace("s", ("rules", target, draw(st.sampled_from(["name", "ports", "x"]))), draw(values))
    if kind == "drop":
        return Remove("s", ("rules", target, draw(st.sampled_from(["name", "ports"]))))
    return Remove("s", ("rules", target))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_spliced_text_means_the_edit_and_keeps_every_other_line(data: st.DataObject) -> None:
    """parse(splice(x)) == edit(parse(x)); lines outside the edited item come through in their order."""
    text, whole, comments = data.draw(files())
    before = parse("s.yaml", text)
    assert before.data == whole and not before.problems
    edit = data.draw(edits(len(whole["rules"])))
    try:
        wanted = edited(whole, edit)
    except NotFound:
        return
    after = spliced(text, edit, "s.yaml")
    assert parse("s.yaml", after).data == wanted
    kept = after.splitlines()
    for comment in comments:
        assert any(line.strip() == comment for line in kept)
    for line in ("other: 1", "other: 1   # x"):
        assert (line in text.splitlines()) == (line in kept)
    for number, item in enumerate(whole["rules"]):
        if f"i-{number}" not in edit.at:
            position = before.root.entries["rules"].node.items[number]  # type: ignore[union-attr, index]
            assert text[position.start : position.end] in after, (item, after)
