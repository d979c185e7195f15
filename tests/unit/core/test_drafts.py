# SPDX-License-Identifier: GPL-2.0-or-later
"""A draft collects changes, outlives the daemon, and becomes one commit on top of what others did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from patronus.core.drafts import seeing
from patronus.core.edit import Insert, PutFile, Remove, Replace
from patronus.core.errors import Conflict, InvalidConfiguration, NotFound, StorageError
from tests.unit.core.router import ADMIN, FACTORY, REMOTE, Router, Rules

ANN = replace(ADMIN, draft=True)
ROB = replace(REMOTE, draft=True)


@pytest.fixture
def router(tmp_path: Path) -> Router:
    router = Router(tmp_path)
    router.start().submit([rule(id="a"), rule(id="b")], ADMIN)
    return router


def rule(**values: object) -> Insert:
    return Insert("firewall/rules", ("rules",), {"zone": "lan", "name": "web", "action": "allow", **values})


def rename(item: str, name: str) -> Replace:
    return Replace("firewall/rules", ("rules", item, "name"), name)


def test_edits_collect_in_the_draft_and_nothing_else_changes(router: Router) -> None:
    before = router.engine.texts, router.kernel.state(), router.working()
    kept = router.engine.submit([rule(id="c")], ANN)
    assert kept.draft and kept.generation == 2
    kept = router.engine.submit([Remove("firewall/rules", ("rules", "a")), rename("c", "mail")], ANN)
    assert kept.changes == ("firewall/rules: rules a removed", "firewall/rules: rules c added")
    assert (router.engine.texts, router.kernel.state(), router.working()) == before
    commit = router.engine.commit_draft("ann", ADMIN, comment="both")
    assert (commit.generation, commit.draft) == (3, False) and commit.changes == kept.changes
    assert router.engine.log(1)[0].comment == "both" and router.matches()
    assert router.engine.drafts.get("ann") is None
    with pytest.raises(NotFound):
        router.engine.commit_draft("ann", ADMIN)


def test_a_draft_outlives_the_daemon_and_the_boot(router: Router) -> None:
    router.engine.submit([rule(id="c")], ANN)
    router.start()
    assert router.engine.commit_draft("ann", ADMIN).changes == ("firewall/rules: rules c added",)


def test_a_name_that_no_file_can_bear_has_a_draft_too(router: Router) -> None:
    names = ["\U0001d4e3" * 200, "\U0001d4e3" * 199]
    assert [router.engine.drafts.get(name) for name in names] == [None, None]
    for place, name in enumerate(names):
        router.engine.submit([rename("a", f"name {place}")], replace(ANN, name=name))
    drafts = [router.engine.drafts.get(name) for name in names]
    assert [draft and draft.owner for draft in drafts] == names
    router.engine.drafts.discard(names[0])
    assert [router.engine.drafts.get(name) is None for name in names] == [True, False]


def test_everyone_has_a_draft_of_their_own_and_can_throw_it_away(router: Router) -> None:
    router.engine.submit([rule(id="c")], ANN)
    router.engine.submit([rule(id="d")], ROB)
    assert [one.owner for one in router.engine.drafts.all()] == ["ann", "rob"]
    router.engine.drafts.discard("ann")
    assert [one.owner for one in router.engine.drafts.all()] == ["rob"]
    router.engine.drafts.discard("ann")
    assert router.engine.generation == 2


def test_a_draft_may_be_unsound_and_says_so_until_it_is_mended(router: Router) -> None:
    kept = router.engine.submit([rule(id="c", zone="dmz")], ANN)
    assert [problem.message for problem in kept.warnings] == ["there is no zone dmz"]
    with pytest.raises(InvalidConfiguration):
        router.engine.commit_draft("ann", ADMIN)
    assert router.engine.drafts.get("ann") is not None and router.engine.generation == 2
    mended = router.engine.submit([Insert("zones", ("zones",), {"id": "dmz"})], ANN)
    assert mended.warnings == () and router.engine.commit_draft("ann", ADMIN).generation == 3


def test_a_draft_of_nonsense_stays_readable(router: Router) -> None:
    kept = router.engine.submit([PutFile("firewall/rules.yaml", "rules: [}")], ANN)
    assert kept.draft and kept.warnings
    with seeing("ann"):
        assert router.engine.config.get(Rules) == router.engine.config.get(Rules)


def test_whoever_works_in_a_draft_sees_it_and_nobody_else_does(router: Router) -> None:
    router.engine.submit([rule(id="c")], ANN)
    with seeing("ann"):
        assert [one.id for one in router.engine.config.get(Rules).rules] == ["a", "b", "c"]
    with seeing("rob"):
        assert [one.id for one in router.engine.config.get(Rules).rules] == ["a", "b"]
    assert [one.id for one in router.engine.config.get(Rules).rules] == ["a", "b"]


def test_drafts_of_different_items_merge_and_comments_stay(router: Router) -> None:
    router.engine.submit([rename("a", "first")], ANN)
    router.engine.submit([rename("b", "second"), rule(id="z")], ROB)
    router.engine.commit_draft("rob", REMOTE, confirm_s=0)
    router.engine.submit([Replace("zones", ("zones", "lan", "name"), "home")], ADMIN)
    view = router.engine.drafts.view(router.engine.drafts.start("ann"))
    assert view.behind and [str(one) for one in view.changes] == [
        "firewall/rules: rules a.name: web -> first"
    ]
    router.engine.commit_draft("ann", ADMIN)
    assert [(one.id, one.name) for one in router.engine.config.get(Rules).rules] == [
        ("a", "first"), ("b", "second"), ("z", "web"),
    ]  # fmt: skip
    assert "# the house" in router.working()["zones.yaml"] and router.matches()


def test_drafts_of_the_same_item_conflict_and_say_with_whom(router: Router) -> None:
    router.engine.submit([rename("a", "mine")], ANN)
    router.engine.submit([rename("a", "theirs")], REMOTE, confirm_s=0)
    router.engine.submit([rename("b", "other")], ADMIN)
    with pytest.raises(Conflict) as caught:
        router.engine.commit_draft("ann", ADMIN)
    assert str(caught.value) == (
        "firewall/rules.yaml rules.a.name was changed by rob in generation 3 since you read it"
    )
    assert caught.value.clashes == [
        {"file": "firewall/rules.yaml", "item": "rules.a.name", "actor": "rob", "generation": 3}
    ]
    assert router.engine.generation == 4 and router.engine.drafts.get("ann") is not None


def test_a_draft_outlives_the_generation_that_it_was_begun_on(
    router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patronus.core.generations.KEPT", 1)
    monkeypatch.setattr("patronus.core.generations.CONFIRMED_KEPT", 1)
    router.engine.submit([rename("a", "mine")], ANN)
    for number in range(4):
        router.engine.submit([rename("b", f"turn {number}")], ADMIN)
    with pytest.raises(NotFound):
        router.engine.show(2)
    router.engine.commit_draft("ann", ADMIN)
    assert [one.name for one in router.engine.config.get(Rules).rules] == ["mine", "turn 3"]


def test_an_older_generation_can_be_taken_into_a_draft(router: Router) -> None:
    kept = router.engine.rollback(1, ANN)
    assert kept.draft and kept.changes == (
        "firewall/rules: rules a removed",
        "firewall/rules: rules b removed",
    )
    router.engine.commit_draft("ann", ADMIN)
    assert router.engine.texts == FACTORY


def test_a_preview_says_what_a_draft_changes_for_each_feature(router: Router) -> None:
    router.engine.submit([rule(id="c")], ANN)
    preview = router.engine.preview([], ANN, confirm_s=30)
    assert [(one.feature, one.plan_changes) for one in preview.features] == [("rules", True)]
    (change,) = preview.features[0].changes
    assert change.as_data() == {
        "section": "firewall/rules", "name": "rules c", "kind": "added", "old": None,
        "new": {"id": "c", "zone": "lan", "name": "web", "action": "allow"},
        "text": "firewall/rules: rules c added",
    }  # fmt: skip
    assert "+    id: c\n" in preview.diff and preview.confirm_within_s == 30
    assert router.engine.preview([], ADMIN).features == () and router.engine.generation == 2


def test_a_damaged_draft_is_named_and_can_be_discarded(router: Router) -> None:
    router.engine.submit([rule(id="c")], ANN)
    (path,) = (router.root / "var/state/drafts").iterdir()
    path.write_bytes(b"\0\0")
    with pytest.raises(StorageError, match="discard it"):
        router.engine.submit([rule(id="d")], ANN)
    assert router.engine.drafts.all() == []
    router.engine.drafts.discard("ann")
    assert router.engine.submit([rule(id="d")], ANN).draft
