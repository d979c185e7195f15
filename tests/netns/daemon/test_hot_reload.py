# SPDX-License-Identifier: GPL-2.0-or-later
"""Edits of the files are taken by themselves once they rest, whole or not at all, and never unasked."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.netns.daemon.machine import Machine, eventually, heard

SETTINGS = '[engine]\nwatch = true\nwatch_quiet = "1s"\nconfirm_default = "60s"\n'
RULES = "# ours\nrules:\n  - {id: printer, source: 192.168.1.30, to: wan, action: drop}\n"
ZONES_AND_RULES = ("firewall/zones.yaml", "firewall/rules.yaml")


@pytest.fixture
def watching(fresh: Machine) -> Iterator[Machine]:
    """Lend a router that takes edits by itself."""
    fresh.file("patronus.toml").write_text(SETTINGS)
    assert fresh.patronus("config", "load").code == 0
    yield fresh
    assert "Traceback" not in fresh.said(), fresh.said()


def newest(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = machine.call("config.Log", count=1)["generations"][0]
    return found


def test_an_edit_is_taken_with_a_window_to_confirm_it_and_its_authors_name(watching: Machine) -> None:
    before = newest(watching)["number"]
    watching.file("firewall/rules.yaml").write_text(RULES)
    eventually(lambda: "192.168.1.30" in watching.ruleset(), "the rule")
    made = newest(watching)
    assert (made["actor"], made["comment"]) == ("root", "edited by hand")
    assert watching.call("config.Pending")["generation"] == made["number"]
    assert watching.patronus("config", "confirm").code == 0
    assert watching.file("firewall/rules.yaml").read_text() == RULES
    time.sleep(2.5)
    assert newest(watching)["number"] == made["number"] == before + 1, "what the router writes is no edit"


def test_edits_that_come_together_are_one_change(watching: Machine) -> None:
    before = newest(watching)["number"]
    zones = watching.file("firewall/zones.yaml").read_text()
    rule = "rules:\n  - {id: attic, from: attic, to: wan, action: drop}\n"
    watching.file("firewall/rules.yaml").write_text(rule)
    time.sleep(0.1)
    watching.file("firewall/zones.yaml").write_text(zones.replace("zones:\n", "zones:\n  - {id: attic}\n"))
    eventually(lambda: newest(watching)["number"] != before, "the change")
    assert newest(watching)["number"] == before + 1
    assert watching.call("config.ListDrafts")["drafts"] == []


def test_what_is_refused_stays_with_its_problems_and_what_runs_is_untouched(watching: Machine) -> None:
    text = RULES.replace("drop", "explode")
    with watching.listening() as printed:
        heard(watching, printed)
        ruleset, before = watching.ruleset(), newest(watching)["number"]
        watching.file("firewall/rules.yaml").write_text(text)
        eventually(lambda: "hand-edits-refused" in printed(), "the event")
        event = next(json.loads(line) for line in _objects(printed()) if "hand-edits-refused" in line)[
            "event"
        ]
    assert "firewall/rules.yaml:3" in event["problems"][0]
    assert (watching.ruleset(), newest(watching)["number"]) == (ruleset, before)
    assert watching.file("firewall/rules.yaml").read_text() == text
    assert "were refused" in watching.patronus("status").out.replace("\n", " ")
    said = watching.patronus("config", "draft", "show", "--of", "by hand")
    assert (said.code, "explode" in said.out) == (0, True)
    watching.file("firewall/rules.yaml").write_text(RULES)
    eventually(lambda: "192.168.1.30" in watching.ruleset(), "the mended rule")
    eventually(lambda: watching.call("system.Status")["notices"] == [], "the end of the notice")


def _objects(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("{")]


def test_edits_are_left_alone_where_nobody_asked_for_that(fresh: Machine) -> None:
    ruleset = fresh.ruleset()
    fresh.file("firewall/rules.yaml").write_text(RULES)
    time.sleep(3)
    assert fresh.ruleset() == ruleset
    shutil.chown(fresh.file("firewall/rules.yaml"), "patronus")
    assert fresh.patronus("config", "load").code == 0
