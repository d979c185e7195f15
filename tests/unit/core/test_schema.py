# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 - a message stands in one line, as a person reads it
"""Ten mistakes give ten located messages; what did not change is not read again."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, model_validator

from patronus.core.model import Section, Strict
from patronus.core.schema import Loaded, Schema
from patronus.core.text import parse
from patronus.core.values import Id, MacAddress, Ports, Refused, ZoneId


class End(Strict):
    zone: ZoneId
    mac: MacAddress | None = None


class Rule(Strict):
    id: Id
    from_: ZoneId | End | None = Field(default=None, alias="from")
    destination_port: Ports | None = None
    action: Literal["allow", "drop", "reject"]
    enabled: bool = True
    priority: Annotated[int, Field(ge=0, le=9)] = 0
    tags: tuple[str, ...] = ()


class Dnat(Strict):
    id: Id
    type: Literal["dnat"]
    to: str


class Masquerade(Strict):
    id: Id
    type: Literal["masquerade"]
    out: ZoneId

    @model_validator(mode="after")
    def _out(self) -> Masquerade:
        if self.out == "self":
            raise Refused("masquerade out of the router itself", "another zone")
        return self


class Pool(Strict):
    id: Id
    reservations: tuple[Rule, ...] = ()


class Rules(Strict):
    rules: tuple[Rule, ...] = ()
    nat: tuple[Annotated[Dnat | Masquerade, Field(discriminator="type")], ...] = ()
    to: dict[ZoneId, Literal["allow"]] = {}
    pools: tuple[Pool, ...] = ()


class Zones(Strict):
    zones: tuple[ZoneId, ...] = ()


def schema() -> Schema:
    counter = itertools.count(1)
    sections = [Section("firewall/rules", Rules), Section("zones", Zones, default_suffix=".toml")]
    return Schema(sections, lambda digits: f"{next(counter):0{digits}x}")


def load(text: str, file: str = "firewall/rules.yaml") -> Loaded:
    return schema().load({file: text})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules:\n  - {id: a, action: drop, destination_port: 70000}\n",
         "firewall/rules.yaml:2 rules[0].destination_port: 70000 is not a port (1-65535)"),
        ("rules:\n  - id: a\n    actoin: drop\n    action: drop\n",
         "firewall/rules.yaml:3 rules[0].actoin: unknown key actoin (known: action, destination_port, enabled,"
         " from, id, priority, tags); did you mean action?"),
        ("rules:\n  - id: a\n    action: alow\n",
         "firewall/rules.yaml:3 rules[0].action: alow is not possible here (allow | drop | reject); did you mean"
         " allow?"),
        ("rules:\n  - id: a\n", "firewall/rules.yaml:2 rules[0].action: action is missing"),
        ("rules:\n  - 5\n", "firewall/rules.yaml:2 rules[0]: 5 is not a mapping"),
        ("rules: 5\n", "firewall/rules.yaml:1 rules: 5 is not a list; put it in brackets: [5]"),
        ("rules:\n  - {id: a, action: drop, enabled: maybe}\n",
         "firewall/rules.yaml:2 rules[0].enabled: maybe is not true or false"),
        ("rules:\n  - {id: a, action: drop, priority: 12}\n",
         "firewall/rules.yaml:2 rules[0].priority: 12 is out of range (<= 9)"),
        ("rules:\n  - {id: a, action: drop, tags: [true]}\n",
         "firewall/rules.yaml:2 rules[0].tags[0]: true is not text; put it in quotes"),
        ("rules:\n  - {id: a, action: drop, from: {zone: A B}}\n",
         "firewall/rules.yaml:2 rules[0].from.zone: A B is not an id (a-z, 0-9 and -, at most 32 characters,"
         " not starting with -); did you mean a-b?"),
        ("rules:\n  - id: a\n    action: drop\n    from:\n      zone: lan\n      mca: x\n",
         "firewall/rules.yaml:6 rules[0].from.mca: unknown key mca (known: mac, zone); did you mean mac?"),
        ("rules:\n  - {id: a, action: drop}\n  - {id: a, action: drop}\n",
         "firewall/rules.yaml:3 rules[1].id: the id a is already used in line 2 (ids are unique within their list)"),
        ("nat:\n  - {id: n, type: dnatt}\n",
         "firewall/rules.yaml:2 nat[0].type: dnatt is not possible here (dnat | masquerade); did you mean dnat?"),
        ("nat:\n  - {id: n, out: wan}\n", "firewall/rules.yaml:2 nat[0].type: type is missing"),
        ("nat:\n  - {id: n, type: masquerade, out: self}\n",
         "firewall/rules.yaml:2 nat[0]: masquerade out of the router itself (another zone)"),
        ("ruels: []\n",
         "firewall/rules.yaml:1 ruels: unknown key ruels (known: nat, pools, rules, to); did you mean rules?"),
    ],
)  # fmt: skip
def test_a_mistake_gives_one_located_message(text: str, message: str) -> None:
    assert [problem.render() for problem in load(text).problems] == [message]


def test_a_value_that_fits_no_branch_says_what_either_would_take() -> None:
    (problem,) = load("rules:\n  - {id: a, action: drop, from: 5}\n").problems
    assert "5 is not an id" in problem.render() and "quotes" in problem.render()


def test_problems_of_all_files_come_together() -> None:
    texts = {
        "firewall/rules.yaml": "rules: [\n",
        "zones.toml": "zones = [3]\n",
        "zones.yaml": "zones: []\n",
        "zonse.yaml": "",
        "firewall/rules.txt": "",
    }
    found = {problem.location.file for problem in schema().load(texts).problems if problem.location}
    assert found == set(texts)


def test_files_that_are_not_there_are_defaults() -> None:
    loaded = schema().load({})
    assert not loaded.problems and loaded.config.get(Rules) == Rules() and set(loaded.config) == {
        "firewall/rules", "zones"
    }  # fmt: skip


def test_items_without_ids_get_them_also_in_inner_lists() -> None:
    text = "rules:\n  - action: drop\n  - {id: r-0001, action: drop}\npools:\n  - reservations: [{action: drop}]\n"
    loaded = load(text)
    rules = loaded.config.get(Rules)
    assert not loaded.problems and [one.id for one in rules.rules] == ["r-0002", "r-0001"]
    ids = loaded.files["firewall/rules.yaml"].ids
    assert set(ids) == {("rules", 0), ("pools", 0), ("pools", 0, "reservations", 0)}
    assert rules.pools[0].reservations[0].id == ids[("pools", 0, "reservations", 0)]


def test_only_what_changed_is_read_again() -> None:
    made = schema()
    first = made.load({"firewall/rules.yaml": "rules: []\n", "zones.toml": "zones = []\n"})
    second = made.load({"firewall/rules.yaml": "rules: []\n", "zones.toml": 'zones = ["lan"]\n'}, first)
    assert second.files["firewall/rules.yaml"] is first.files["firewall/rules.yaml"]
    assert second.config.get(Zones).zones == ("lan",) and first.config.get(Zones).zones == ()


LONG = "rules:\n" + "".join(f"  - {{id: r-{at}, action: drop}}\n" for at in range(5)) + "to: {lan: allow}\n"


def test_an_item_that_changed_is_validated_alone() -> None:
    """The models of the others are the same objects: what was made of them need not be made again."""
    tool = schema()
    before = tool.load({"firewall/rules.yaml": LONG})
    text = LONG.replace("r-2, action: drop", "r-2, action: allow, priority: 3")
    after = tool.load({"firewall/rules.yaml": text}, before)
    assert after.problems == ()
    assert after.config.get(Rules) == tool.load({"firewall/rules.yaml": text}).config.get(Rules)
    old, new = before.config.get(Rules).rules, after.config.get(Rules).rules
    assert [at for at in range(5) if new[at] is not old[at]] == [2]
    again = tool.load({"firewall/rules.yaml": LONG}, after)
    assert again.config.get(Rules) == before.config.get(Rules)


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("r-2, action: drop", "r-2, action: alow"),
        ("r-2", "r-4"),
        ("{lan: allow}", "{lan: deny}"),
        ("{id: r-2, action: drop}", "{id: r-2, action: drop"),
    ],
)
def test_a_mistake_in_one_item_is_told_as_in_the_whole(there: str, instead: str) -> None:
    tool = schema()
    before = tool.load({"firewall/rules.yaml": LONG})
    text = LONG.replace(there, instead)
    assert tool.load({"firewall/rules.yaml": text}, before).problems == load(text).problems != ()


def test_a_new_item_without_an_id_gets_one() -> None:
    tool = schema()
    before = tool.load({"firewall/rules.yaml": LONG})
    text = LONG.replace("to:", "  - {action: allow}\nto:")
    after = tool.load({"firewall/rules.yaml": text}, before)
    assert after.files["firewall/rules.yaml"].ids == {("rules", 5): "r-0001"}


def test_the_place_of_a_value_in_a_changed_list_is_that_of_its_text() -> None:
    tool = schema()
    before = tool.load({"firewall/rules.yaml": LONG})
    text = LONG.replace("  - {id: r-1", "\n  - {id: r-1").replace("r-4, action", "r-4,\n     action")
    after = tool.load({"firewall/rules.yaml": text}, before)
    document = load(text)
    for path in (
        ("rules", 3, "action"),
        ("rules", 4, "action"),
        ("rules", 4),
        ("rules", 4, "enabled"),
        ("to",),
    ):
        where = ("firewall/rules", *path)
        assert after.config.locate(where) == document.config.locate(where)
        whole = parse("firewall/rules.yaml", text).location(where)
        assert after.config.locate(where) == whole


def test_a_place_is_found_when_somebody_asks() -> None:
    config = load("rules:\n  - id: a\n    action: drop\n").config
    place = config.locate(("firewall/rules", "rules", 0, "action"))
    assert place and (place.line, place.column) == (3, 5)
    assert config.locate(("zones", "zones")) is None


def test_the_json_schema_knows_keys_and_limits() -> None:
    found: dict[str, Any] = schema().json_schema()
    rule = found["firewall/rules"]["$defs"]["Rule"]
    assert rule["additionalProperties"] is False and "from" in rule["properties"]
    assert found["zones"]["properties"]["zones"]["items"]["pattern"]
