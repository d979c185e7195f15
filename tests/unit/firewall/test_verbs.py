# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs: what they edit, what they refuse, what they keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any, cast

import pytest

from patronus.core.control import Commit
from patronus.core.edit import Edit, Insert, Remove, Replace
from patronus.core.errors import InvalidRequest, KernelError, NotFound
from patronus.core.model import Configuration
from patronus.core.verb import Caller, Nothing, Role
from patronus.firewall.addresses import AddressSet
from patronus.firewall.blocks import TimedBlocks
from patronus.firewall.counted import Seen
from patronus.firewall.verbs.blocks import BlockVerbs
from patronus.firewall.verbs.forms import (
    AddNat,
    AddRule,
    Block,
    MoveNat,
    MoveRule,
    RemoveNat,
    RemoveRule,
    ReplaceNat,
    ReplaceRule,
    SwitchNat,
    SwitchRule,
    Unblock,
)
from patronus.firewall.verbs.nat import NatVerbs
from patronus.firewall.verbs.rules import RuleVerbs
from tests.golden.case import load
from tests.unit.firewall.test_blocks import Clock

CALLER = Caller("admin", Role.ADMIN)
RULES = "rules:\n  - {id: r-1, from: lan, action: drop}\n  - {id: r-2, action: allow}\n"
NAT = "nat: [{id: n-1, type: masquerade, out: wan}, {id: n-2, type: masquerade, out: dsl}]\n"
BLOCKLIST = "prefixes: [{id: b-1, prefix: 203.0.113.0/24, reason: scans}]\n"


@dataclass
class Engine:
    """The part of ``Control`` that the verbs use; it keeps what it was asked."""

    config: Configuration
    submitted: list[tuple[list[Edit], str]] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)
    broken: bool = False
    generation: int = 7

    def submit(self, edits: Sequence[Edit], caller: Caller, *, comment: str = "", **_: Any) -> Commit:
        assert caller is CALLER
        self.submitted.append((list(edits), comment))
        return Commit(8)

    def refresh(self, reason: str) -> None:
        if self.broken:
            raise KernelError("no")
        self.refreshed.append(reason)


@dataclass
class State:
    values: dict[str, Any] = field(default_factory=dict)

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def put(self, key: str, value: Any) -> None:
        self.values[key] = value


@dataclass(frozen=True)
class Count:
    packets: int
    bytes: int


@pytest.fixture
def engine() -> Engine:
    texts = {"firewall/rules.yaml": RULES, "firewall/nat.yaml": NAT, "firewall/blocklist.yaml": BLOCKLIST}
    return Engine(load(texts).config)


@pytest.fixture
def rules(engine: Engine) -> RuleVerbs:
    return RuleVerbs(cast(Any, engine), lambda: {"rule/r-1": Seen(3, 99, 1)})


@pytest.fixture
def nat(engine: Engine) -> NatVerbs:
    return NatVerbs(cast(Any, engine), lambda: {"nat/n-1": Count(2, 120)})


@pytest.fixture
def blocks(engine: Engine) -> BlockVerbs:
    clock = Clock()
    never = AddressSet.of([ip_network("192.168.1.0/24")])
    return BlockVerbs(cast(Any, engine), TimedBlocks(State(), clock), clock, lambda: never)


def test_rules_are_listed_as_written_with_their_counters(rules: RuleVerbs) -> None:
    found = rules.list_rules(CALLER, Nothing()).rules
    assert [(item.id, item.packets, item.early) for item in found] == [("r-1", 3, 1), ("r-2", 0, 0)]
    assert found[0].rule == {"id": "r-1", "from": "lan", "action": "drop"}


def test_a_new_rule_gets_an_id_that_its_caller_learns(rules: RuleVerbs, engine: Engine) -> None:
    report = rules.add_rule(CALLER, AddRule(rule={"action": "drop", "name": None}, index=0))
    assert engine.submitted == [
        (
            [Insert("firewall/rules", ("rules",), {"id": report.id, "action": "drop"}, 0)],
            f"add rule {report.id}",
        )
    ]
    assert report.id not in ("r-1", "r-2")
    assert report.generation == 8


def test_a_rule_is_replaced_moved_and_removed_by_its_id(rules: RuleVerbs, engine: Engine) -> None:
    rules.replace_rule(CALLER, ReplaceRule(id="r-1", rule={"id": "r-9", "action": "allow"}, comment="why"))
    rules.move_rule(CALLER, MoveRule(id="r-2", index=0))
    rules.remove_rule(CALLER, RemoveRule(id="r-1"))
    replaced, moved, removed = engine.submitted
    assert replaced == (
        [Replace("firewall/rules", ("rules", "r-1"), {"id": "r-1", "action": "allow"})],
        "why",
    )
    assert moved[0] == [
        Remove("firewall/rules", ("rules", "r-2")),
        Insert("firewall/rules", ("rules",), {"id": "r-2", "action": "allow"}, 0),
    ]
    assert removed[0] == [Remove("firewall/rules", ("rules", "r-1"))]


@pytest.mark.parametrize(
    ("place", "index"), [({"before": "r-1"}, 0), ({"after": "r-1"}, 1), ({"index": 99}, 2), ({}, None)]
)
def test_a_rule_is_added_where_it_shall_stand(
    rules: RuleVerbs, engine: Engine, place: dict[str, Any], index: int | None
) -> None:
    rules.add_rule(CALLER, AddRule(rule={"id": "r-3", "action": "drop"}, **place))
    assert engine.submitted[0][0] == [
        Insert("firewall/rules", ("rules",), {"id": "r-3", "action": "drop"}, index)
    ]


def test_a_place_is_one_and_beside_a_rule_that_is_there(rules: RuleVerbs, engine: Engine) -> None:
    with pytest.raises(InvalidRequest, match="one of"):
        rules.move_rule(CALLER, MoveRule(id="r-1", before="r-2", index=0))
    with pytest.raises(InvalidRequest, match="not said"):
        rules.move_rule(CALLER, MoveRule(id="r-1"))
    for beside in ("r-1", "r-9"):
        with pytest.raises(NotFound, match=beside):
            rules.move_rule(CALLER, MoveRule(id="r-1", after=beside))
    assert engine.submitted == []


def test_a_rule_is_replaced_and_moved_in_one_commit(rules: RuleVerbs, engine: Engine) -> None:
    rules.replace_rule(CALLER, ReplaceRule(id="r-2", rule={"action": "drop"}, before="r-1"))
    assert engine.submitted[0][0] == [
        Remove("firewall/rules", ("rules", "r-2")),
        Insert("firewall/rules", ("rules",), {"action": "drop", "id": "r-2"}, 0),
    ]


def test_a_rule_is_switched_and_the_rest_of_it_is_left_alone(rules: RuleVerbs, engine: Engine) -> None:
    rules.switch_rule(CALLER, SwitchRule(id="r-1", enabled=False))
    rules.switch_rule(CALLER, SwitchRule(id="r-1", enabled=True))
    assert engine.submitted == [
        ([Replace("firewall/rules", ("rules", "r-1", "enabled"), False)], "switch off rule r-1"),
        ([Replace("firewall/rules", ("rules", "r-1", "enabled"), True)], "switch on rule r-1"),
    ]


def test_what_does_not_exist_is_not_found(rules: RuleVerbs, engine: Engine) -> None:
    with pytest.raises(NotFound):
        rules.replace_rule(CALLER, ReplaceRule(id="r-9", rule={}))
    with pytest.raises(NotFound):
        rules.move_rule(CALLER, MoveRule(id="r-9", index=0))
    with pytest.raises(NotFound):
        rules.remove_rule(CALLER, RemoveRule(id="r-9"))
    assert engine.submitted == []


def test_translations_are_added_and_removed(nat: NatVerbs, engine: Engine) -> None:
    report = nat.add_nat(CALLER, AddNat(entry={"type": "masquerade", "out": "wan"}))
    nat.remove_nat(CALLER, RemoveNat(id="n-1"))
    assert engine.submitted[0][0] == [
        Insert("firewall/nat", ("nat",), {"id": report.id, "type": "masquerade", "out": "wan"})
    ]
    assert engine.submitted[1][0] == [Remove("firewall/nat", ("nat", "n-1"))]
    listed = nat.list_nat(CALLER, Nothing()).nat[0]
    assert (listed.entry["out"], listed.packets) == ("wan", 2)


def test_a_translation_is_replaced_and_moved_by_its_id(nat: NatVerbs, engine: Engine) -> None:
    entry = {"type": "masquerade", "out": "wan", "enabled": False}
    nat.replace_nat(CALLER, ReplaceNat(id="n-1", entry={**entry, "id": "n-7"}))
    nat.move_nat(CALLER, MoveNat(id="n-2", index=0))
    nat.move_nat(CALLER, MoveNat(id="n-1", after="n-2"))
    replaced, moved, again = (edits for edits, _ in engine.submitted)
    assert replaced == [Replace("firewall/nat", ("nat", "n-1"), {**entry, "id": "n-1"})]
    assert moved == [
        Remove("firewall/nat", ("nat", "n-2")),
        Insert("firewall/nat", ("nat",), {"id": "n-2", "type": "masquerade", "out": "dsl"}, 0),
    ]
    assert again == [
        Remove("firewall/nat", ("nat", "n-1")),
        Insert("firewall/nat", ("nat",), {"id": "n-1", "type": "masquerade", "out": "wan"}, 1),
    ]


def test_a_translation_is_switched_and_the_rest_of_it_is_left_alone(nat: NatVerbs, engine: Engine) -> None:
    """Two who change it at once do not undo each other's work."""
    nat.switch_nat(CALLER, SwitchNat(id="n-1", enabled=False))
    nat.switch_nat(CALLER, SwitchNat(id="n-1", enabled=True))
    assert engine.submitted == [
        ([Replace("firewall/nat", ("nat", "n-1", "enabled"), False)], "switch off translation n-1"),
        ([Replace("firewall/nat", ("nat", "n-1", "enabled"), True)], "switch on translation n-1"),
    ]


def test_a_translation_that_does_not_exist_is_not_found(nat: NatVerbs, engine: Engine) -> None:
    with pytest.raises(NotFound):
        nat.remove_nat(CALLER, RemoveNat(id="n-9"))
    with pytest.raises(NotFound):
        nat.replace_nat(CALLER, ReplaceNat(id="n-9", entry={}))
    with pytest.raises(NotFound):
        nat.move_nat(CALLER, MoveNat(id="n-9", index=0))
    with pytest.raises(NotFound):
        nat.switch_nat(CALLER, SwitchNat(id="n-9", enabled=True))
    assert engine.submitted == []


def test_a_block_for_good_is_a_commit(blocks: BlockVerbs, engine: Engine) -> None:
    blocks.block(CALLER, Block(prefix="198.51.100.7", reason="scans"))
    (((edit,), comment),) = engine.submitted
    assert isinstance(edit, Insert)
    assert edit.value | {"id": ""} == {"id": "", "prefix": "198.51.100.7", "reason": "scans"}
    assert comment == "block 198.51.100.7"
    blocks.block(CALLER, Block(prefix="203.0.113.0/24"))
    assert len(engine.submitted) == 1, "what is blocked already changes nothing"


def test_a_timed_block_is_state_that_is_listed_with_its_end(blocks: BlockVerbs, engine: Engine) -> None:
    report = blocks.block(CALLER, Block(prefix="198.51.100.7", for_s=60))
    assert (report.generation, report.remaining_s) == (7, 60)
    assert engine.submitted == []
    assert engine.refreshed == ["198.51.100.7 is blocked"]
    found = blocks.list_blocks(CALLER, Nothing()).blocks
    assert [(item.prefix, item.remaining_s) for item in found] == [
        ("203.0.113.0/24", None),
        ("198.51.100.7", 60),
    ]


def test_the_audit_log_has_when_a_timed_block_would_have_ended(blocks: BlockVerbs) -> None:
    """Before it is ended early; a block for good is a commit, which says so itself."""
    subjects = {verb.name: verb.subject for verb in blocks.verbs()}
    of_ending = subjects["firewall.Unblock"]
    assert of_ending is not None and subjects["firewall.Block"] == of_ending
    ending = Unblock(prefix="198.51.100.7")
    assert of_ending(ending) == {}
    blocks.block(CALLER, Block(prefix="198.51.100.7", for_s=60, reason="scans"))
    assert of_ending(ending) == {"prefix": "198.51.100.7", "reason": "scans", "by": CALLER.name, "left_s": 60}
    assert of_ending(Unblock(prefix="203.0.113.0/24")) == {}


def test_a_block_that_the_kernel_refuses_is_not_kept(blocks: BlockVerbs, engine: Engine) -> None:
    engine.broken = True
    with pytest.raises(KernelError):
        blocks.block(CALLER, Block(prefix="198.51.100.7", for_s=60))
    assert len(blocks.list_blocks(CALLER, Nothing()).blocks) == 1


def test_unblocking_ends_both_kinds(blocks: BlockVerbs, engine: Engine) -> None:
    blocks.block(CALLER, Block(prefix="198.51.100.7", for_s=60))
    blocks.unblock(CALLER, Unblock(prefix="198.51.100.7"))
    blocks.unblock(CALLER, Unblock(prefix="203.0.113.0/24"))
    assert engine.submitted[0][0] == [Remove("firewall/blocklist", ("prefixes", "b-1"))]
    assert len(blocks.list_blocks(CALLER, Nothing()).blocks) == 1
    with pytest.raises(NotFound):
        blocks.unblock(CALLER, Unblock(prefix="198.51.100.7"))


@pytest.mark.parametrize("for_s", [None, 60])
@pytest.mark.parametrize("prefix", ["192.168.1.1", "192.168.1.0/25", "0.0.0.0/0", "::/0", "198.51.100.0/24"])
def test_never_addresses_and_oneself_are_refused(
    blocks: BlockVerbs, engine: Engine, prefix: str, for_s: float | None
) -> None:
    caller = Caller("admin", Role.ADMIN, origin="198.51.100.9")
    with pytest.raises(InvalidRequest):
        blocks.block(caller, Block(prefix=prefix, for_s=for_s))
    assert (engine.submitted, engine.refreshed) == ([], [])


def test_every_verb_that_changes_needs_an_operator(rules: RuleVerbs, blocks: BlockVerbs) -> None:
    for verb in (*rules.verbs(), *blocks.verbs()):
        assert verb.changes == (not verb.name.partition(".")[2].startswith("List"))
        assert verb.role is (Role.OPERATOR if verb.changes else Role.VIEWER)
        assert verb.summary
