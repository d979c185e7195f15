# SPDX-License-Identifier: GPL-2.0-or-later
"""Aliases that live: what is made of their rules does not depend on what they hold today."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from patronus.core.feature import Earlier
from patronus.core.model import Configuration
from patronus.firewall.addresses import AddressSet
from patronus.firewall.model import Alias
from patronus.firewall.plan import FirewallPlan, plan
from patronus.firewall.resolve.configuration import FirewallFacts
from patronus.firewall.sources import wanted_lists
from patronus.firewall.sources.service import SourceFiles
from patronus.firewall.table.ruleset import Intervals
from patronus.lists.addresses import read_addresses
from patronus.lists.folder import Download, Folder
from patronus.lists.wanted import key_of
from tests.golden.case import load

URL = "https://lists.example/bad.txt"
LIST = f"{{id: bad, list: {{url: '{URL}', refresh: 1h}}}}"
FILE = "{id: own, list: {file: own.txt}}"
ZONES = "zones:\n  - {id: wan}\n  - {id: lan, to: {wan: allow}}\n"


@dataclass
class Held:
    """What lists hold, by alias."""

    lines: dict[str, list[str]] = field(default_factory=dict)

    def addresses(self, alias: Alias) -> AddressSet:
        found = read_addresses(self.lines.get(alias.id, [])).found
        return AddressSet(tuple(found[4]), tuple(found[6]), alias.id, lives=True)

    def fault(self, alias: Alias) -> str | None:
        return None if self.lines.get(alias.id) else "it is empty"


def config(*rules: str) -> Configuration:
    lines = "".join(f"  - {rule}\n" for rule in rules)
    text = f"aliases:\n  - {LIST}\n  - {FILE}\n  - {{id: net, addresses: [10.0.0.0/8]}}\n"
    text += f"rules:\n{lines}" if rules else ""
    loaded = load({"firewall/rules.yaml": text, "firewall/zones.yaml": ZONES})
    assert not loaded.problems, loaded.problems
    return loaded.config


def planned(files: Configuration, **lines: list[str]) -> FirewallPlan:
    return plan(files, FirewallFacts(sources=Held(lines)), Earlier())


def without_elements(found: FirewallPlan) -> Any:
    sets = {
        name: replace(one, intervals=()) if isinstance(one, Intervals) else one
        for name, one in found.ruleset.sets.items()
    }
    return replace(found.ruleset, sets=sets)


@pytest.mark.parametrize(
    "source", ['"@bad"', '["@bad", "@own"]', '["@bad", 198.51.100.1]', '["@bad", "@net"]'],
    ids=["alone", "two lists", "with an address", "with another alias"],
)  # fmt: skip
def test_what_a_list_holds_changes_elements_and_nothing_else(source: str) -> None:
    files = config(f"{{id: r-1, from: wan, source: {source}, protocol: tcp, action: drop}}")
    variants = [[], ["192.0.2.1"], ["2001:db8::/32"], ["192.0.2.0/24", "2001:db8::1"]]
    found = [planned(files, bad=lines) for lines in variants]
    assert all(without_elements(one) == without_elements(found[0]) for one in found)
    held = {one.ruleset.sets[name] for one in found for name in one.ruleset.sets if name.startswith("alias/")}
    assert len(held) > 2, "the elements do differ"


def test_a_list_that_changes_makes_no_rule_seem_useless() -> None:
    """What is within another rule today may not be so tomorrow, and the other way round."""
    narrow = "{id: r-1, from: wan, source: 10.0.0.0/8, action: drop}"
    living = '{id: r-2, from: wan, source: "@bad", action: allow}'
    for rules in ((narrow, living), (living, narrow)):
        assert [one.path[1] for one in planned(config(*rules), bad=["10.0.0.0/8"]).warnings] == ["aliases"]
    everything = "{id: r-1, from: wan, action: drop}"
    (first, *_) = planned(config(everything, living), bad=["10.0.0.1"], own=["10.0.0.1"]).warnings
    assert "never decides" in first.message, "what any address fits leaves a list nothing"


def test_an_alias_that_lacks_its_addresses_is_a_warning_in_its_place() -> None:
    found = planned(config('{id: r-1, source: "@bad", action: drop}'), own=["192.0.2.1"])
    (warning,) = found.warnings
    assert warning.path == ("firewall/rules", "aliases", 0, "list")
    assert "the alias bad: it is empty" in warning.render()
    assert found.faults == (("bad", "it is empty"),)


def test_the_files_ask_for_their_lists() -> None:
    (wanted,) = wanted_lists(config())
    assert (wanted.url, wanted.content, wanted.refresh_s, wanted.used_by) == (
        URL, "addresses", 3600, ("alias bad",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("alias", "said"),
    [
        ("{id: a, list: {url: 'http://lists.example/x'}}", "is not a URL"),
        ("{id: a, list: {url: 'https://me:secret@lists.example/x'}}", "has no place in the URL"),
        ("{id: a, list: {file: ../shadow}}", "is not the name of a file"),
        ("{id: a, list: {file: /etc/shadow}}", "is not the name of a file"),
        ("{id: a, list: {}}", "exactly one of url, file"),
        ("{id: a, list: {file: x.txt, refresh: 1h}}", "refresh and ca go with url"),
        ("{id: a, list: {url: 'https://lists.example/x', refresh: 1s}}", "too short"),
        ("{id: a, list: {file: x.txt}, ports: [1]}", "has ports and list"),
    ],
)
def test_a_list_that_cannot_be_is_refused_where_it_stands(alias: str, said: str) -> None:
    (problem,) = load({"firewall/rules.yaml": f"aliases:\n  - {alias}\n"}).problems
    assert said in problem.render()
    assert "firewall/rules.yaml:2" in problem.render()
    assert "secret" not in problem.render()


@pytest.fixture
def files(tmp_path: Path) -> SourceFiles:
    (tmp_path / "brought").mkdir()
    (tmp_path / "own").mkdir()
    return SourceFiles(Folder(tmp_path / "brought"), tmp_path / "own")


def test_a_pipe_is_no_list(files: SourceFiles, tmp_path: Path) -> None:
    own = Alias.model_validate({"id": "own", "list": {"file": "own.txt"}})
    os.mkfifo(tmp_path / "own/own.txt")
    assert not files.addresses(own).versions
    assert "it is no regular file" in str(files.fault(own))


def test_files_are_read_again_when_they_change_and_keep_what_they_held(
    files: SourceFiles, tmp_path: Path
) -> None:
    own = Alias.model_validate({"id": "own", "list": {"file": "own.txt"}})
    path = tmp_path / "own/own.txt"
    assert "is not there" in str(files.fault(own))
    path.write_text("192.0.2.1\n192.0.2.2\n")
    first = files.addresses(own)
    assert (len(first.ipv4), first.lives, files.fault(own)) == (1, True, None)
    assert files.addresses(own) is first
    for broken in (
        lambda: path.write_text("<html>\n"),
        lambda: path.write_bytes(b"#" * (17 << 20)),
        path.unlink,
    ):
        broken()
        files.keep([own])
        assert files.fault(own) is not None
        assert files.addresses(own) == first
    files.keep([])
    assert files.addresses(own).ipv4 == ()


def test_a_list_is_read_where_it_was_brought_and_said_to_be_missing_before(
    files: SourceFiles, tmp_path: Path
) -> None:
    alias = Alias.model_validate({"id": "bad", "list": {"url": URL}})
    assert files.fault(alias) == "the list has not been brought in yet"
    state = Download(url=URL, content="addresses")
    Folder(tmp_path / "brought").keep(key_of(URL, "addresses"), b"192.0.2.0/24\n", state)
    assert (len(files.addresses(alias).ipv4), files.fault(alias)) == (1, None)
