# SPDX-License-Identifier: GPL-2.0-or-later
"""An older configuration runs under a newer version, as a new generation; the old one stays as it was."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest

from patronus.core.edit import PutFile, Remove, Replace
from patronus.core.errors import InvalidConfiguration, InvalidRequest
from patronus.core.generations import Generations, Manifest
from patronus.core.migrations import FIRST, MIGRATIONS, STEPS, Migrations, Step
from patronus.core.migrations.edits import edited, renamed_key
from patronus.daemon.settings import PatronusFile
from tests.unit.core.router import ADMIN, REMOTE, Router

OLD_ZONES = "zones:\n  - id: lan   # the house\n    label: inside\n"
OLD_RULES = """# what this household decided
rules:
  - {id: r1, zone: lan, policy: allow}   # the first
  - id: r2
    zone: lan
    policy: drop
"""
NEW_RULES = OLD_RULES.replace("policy", "action")
OLD = {"zones.yaml": OLD_ZONES, "firewall/rules.yaml": OLD_RULES}
NEW = {"zones.yaml": OLD_ZONES.replace("label", "name"), "firewall/rules.yaml": NEW_RULES}


def labels(texts: Mapping[str, str]) -> dict[str, str]:
    return renamed_key(texts, "zones", "label", "name", of_each="zones")


def policies(texts: Mapping[str, str]) -> dict[str, str]:
    return renamed_key(texts, "firewall/rules", "policy", "action", of_each="rules")


TWO = Migrations((Step("zones have names", labels), Step("rules have actions", policies)))


def stored(router: Router, texts: Mapping[str, str], version: int) -> int:
    """Store a generation as an older (or later) version would have, and confirm it."""
    generations = Generations(router.root / "var/generations")
    manifest = Manifest(0, version, "0", None, "ann", "", {}, 1.0, "boot-0")
    number = generations.publish(manifest, texts).number
    generations.confirm(number)
    return number


def test_texts_are_brought_up_step_by_step_with_their_comments() -> None:
    assert TWO.current == 3
    assert TWO.up(OLD, 1) == NEW
    assert TWO.up({**NEW, "firewall/rules.yaml": OLD_RULES}, 2) == NEW
    assert TWO.up(NEW, 3) == NEW
    assert OLD["firewall/rules.yaml"] == OLD_RULES


def test_the_version_is_read_from_the_main_file_and_written_back() -> None:
    main = '# mine\nschema_version = 1   # old\n[system]\nhostname = "attic"\n'
    found = TWO.read({**OLD, "patronus.toml": main})
    assert found == {**NEW, "patronus.toml": main.replace("= 1", "= 3")}
    assert TWO.read({**NEW, "patronus.toml": '[system]\nhostname = "x"\n'})["zones.yaml"] == NEW["zones.yaml"]
    assert TWO.read(NEW) == NEW


@pytest.mark.parametrize(("version", "said"), [(4, "of version 4, this release knows 3"), (0, "version 0")])
def test_a_version_that_is_not_known_is_refused_with_its_place(version: int, said: str) -> None:
    with pytest.raises(InvalidConfiguration, match=rf"^patronus\.toml:2 schema_version: .*{said}"):
        TWO.read({"patronus.toml": f"# mine\nschema_version = {version}\n"})


def test_a_step_that_cannot_go_on_names_itself() -> None:
    def refuse(texts: Mapping[str, str]) -> Mapping[str, str]:
        raise InvalidRequest("the moon has no zones")

    with pytest.raises(InvalidConfiguration, match=r"to version 2 \(moon\): the moon has no zones"):
        Migrations((Step("moon", refuse),)).up({}, 1)


def test_this_release_reads_what_its_last_step_makes() -> None:
    assert MIGRATIONS.current == FIRST + len(STEPS)
    assert get_args(PatronusFile.model_fields["schema_version"].annotation) == (MIGRATIONS.current,)


def test_a_boot_runs_an_older_generation_as_a_new_one_and_keeps_the_old(tmp_path: Path) -> None:
    router = Router(tmp_path, migrations=TWO)
    number = stored(router, OLD, 1)
    engine = router.start()
    assert engine.texts == NEW and router.matches() and router.working() == NEW
    assert engine.generation == number + 1
    assert any("brought from version 1 to 3" in message for message in router.report.messages)
    generations = Generations(tmp_path / "var/generations")
    assert generations.read(number).texts == OLD
    assert generations.confirmed() == [number + 1, number]
    assert generations.manifest(number + 1).schema_version == 3
    again = router.start()
    assert again.generation == number + 1 and router.report.messages == ()


def test_the_older_image_passes_over_the_newer_generation_and_says_so(tmp_path: Path) -> None:
    router = Router(tmp_path, migrations=TWO)
    stored(router, {"zones.yaml": "zones: [{id: lan, name: plain}]\n"}, 1)
    assert router.start().generation == 2
    router.migrations = MIGRATIONS
    assert router.start().generation == 1
    assert any("this release knows 1" in message for message in router.report.messages)
    router.migrations = TWO
    assert router.start().generation == 2


def test_a_generation_that_no_step_can_bring_up_gives_way_to_an_earlier(tmp_path: Path) -> None:
    router = Router(tmp_path, migrations=TWO)
    stored(router, NEW, 3)
    stored(router, {"zones.yaml": "zones: [}"}, 1)
    assert router.start().texts == NEW
    assert any("generation 2 cannot run" in message for message in router.report.messages)


def test_a_rollback_a_load_and_a_revert_bring_up_what_they_find(tmp_path: Path) -> None:
    router = Router(tmp_path, migrations=TWO)
    old = stored(router, OLD, 1)
    engine = router.start()
    engine.submit([Remove("zones", ("zones", "lan", "name"))], ADMIN)
    assert engine.texts != NEW
    engine.rollback(old, ADMIN)
    assert engine.texts == NEW and router.matches()
    Generations(tmp_path / "var/generations").confirm(old)
    engine.submit([Replace("zones", ("zones", "lan", "name"), "tried")], REMOTE, confirm_s=5)
    router.clock.now += 10
    assert engine.revert_if_due()
    assert engine.texts == NEW and router.matches()


def test_files_that_name_a_later_version_change_nothing(tmp_path: Path) -> None:
    router = Router(tmp_path, migrations=TWO)
    engine = router.start()
    before = engine.texts
    with pytest.raises(InvalidConfiguration, match="update this router first"):
        engine.submit([PutFile("patronus.toml", "schema_version = 9\n")], ADMIN)
    assert engine.texts == before and engine.generation == 1


@pytest.mark.parametrize(
    ("file", "text", "wanted"),
    [
        ("a.yaml", "old: 1   # one\nkept: {old: 2}\n", "new: 1   # one\nkept: {old: 2}\n"),
        ("a.json", '{"old": 1, "kept": {"old": 2}}', '{"new": 1, "kept": {"old": 2}}'),
        ("a.toml", "old = 1 # one\n[kept]\nold = 2\n", "new = 1 # one\n[kept]\nold = 2\n"),
        ("a.yaml", "kept: 1\n", "kept: 1\n"),
    ],
)
def test_a_key_at_the_top_is_renamed_and_nothing_else(file: str, text: str, wanted: str) -> None:
    assert renamed_key({file: text}, "a", "old", "new") == {file: wanted}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.yaml", "old: 1\nitems:\n  - {id: x, old: 2}  # two\n  - id: y\n    old: 3\n"),
        ("a.toml", "old = 1\n[[items]]\nid = 'x'\nold = 2  # two\n[other]\nold = 4\n[[items]]\nold = 3\n"),
    ],
)
def test_a_key_of_each_item_is_renamed_and_nothing_else(file: str, text: str) -> None:
    found = renamed_key({file: text}, "a", "old", "new", of_each="items")[file]
    assert found.count("old") == text.count("old") - 2 and found.count("new") == 2
    assert found.replace("new", "old") == text
    if file.endswith("toml"):
        assert [item["new"] for item in tomllib.loads(found)["items"]] == [2, 3]


def test_an_edit_of_a_section_that_is_not_there_does_nothing() -> None:
    assert edited({}, "a", Remove("a", ("x",))) == {}
    assert edited({"a.yaml": "x: 1\ny: 2\n"}, "a", Remove("a", ("x",))) == {"a.yaml": "y: 2\n"}
