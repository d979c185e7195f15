# SPDX-License-Identifier: GPL-2.0-or-later
"""People edit the files with an editor: what they load runs, what they wrote stays, nothing is lost."""

from __future__ import annotations

from pathlib import Path

from tests.netns.daemon.machine import Machine

RULES = """\
# Decided by the family council.
rules:
  # the old printer talks too much
  - id: printer
    name: printer stays inside   # since 2019
    source: 192.168.1.30
    to: wan
    action: drop
"""


def test_an_edit_is_loaded_and_its_comments_survive_the_command_line(fresh: Machine) -> None:
    fresh.file("firewall/rules.yaml").write_text(RULES)
    assert "192.168.1.30" not in fresh.ruleset()
    said = fresh.patronus("config", "check")
    assert (said.code, "would" in said.out) == (0, True), said.err
    assert "192.168.1.30" not in fresh.ruleset()
    assert fresh.patronus("config", "commit", "-m", "printer").code == 0
    assert "192.168.1.30" in fresh.ruleset()
    assert fresh.file("firewall/rules.yaml").read_text() == RULES
    command = ("rules", "add", "--name", "no mail", "--protocol", "tcp", "--port", "25", "--action", "drop")
    assert fresh.patronus(*command).code == 0
    text = fresh.file("firewall/rules.yaml").read_text()
    assert text.startswith(RULES)
    assert "no mail" in text
    assert fresh.patronus("rules", "remove", "printer").code == 0
    assert (
        fresh.file("firewall/rules.yaml").read_text().startswith("# Decided by the family council.\nrules:\n")
    )


def test_a_new_item_gets_its_id_in_the_file(fresh: Machine) -> None:
    fresh.file("firewall/rules.yaml").write_text("rules:\n  # why\n  - {protocol: udp, action: drop}\n")
    assert fresh.patronus("config", "commit").code == 0
    (rule,) = fresh.call("firewall.ListRules")["rules"]
    text = fresh.file("firewall/rules.yaml").read_text()
    assert rule["id"] in text
    assert "# why" in text


def test_an_edit_that_nobody_loaded_becomes_a_draft_and_the_user_is_told(fresh: Machine) -> None:
    ruleset = fresh.ruleset()
    fresh.file("firewall/rules.yaml").write_text(RULES)
    said = fresh.patronus("block", "198.51.100.66")
    assert said.code == 0
    (draft,) = (fresh.places.state / "drafts").iterdir()
    assert (draft / "firewall" / "rules.yaml").read_text() == RULES
    assert "were not loaded" in said.out
    assert str(draft) in said.out.replace("\n", "")
    assert not fresh.file("firewall/rules.yaml").exists()
    assert "192.168.1.30" not in fresh.ruleset()
    undone = fresh.patronus("unblock", "198.51.100.66")
    assert (undone.code, "were not loaded" in undone.out) == (0, False)
    assert fresh.ruleset() == ruleset


def test_a_restart_keeps_a_draft_as_well_and_says_so(fresh: Machine) -> None:
    fresh.file("firewall/rules.yaml").write_text(RULES)
    fresh.kill()
    fresh.start()
    (notice,) = fresh.call("system.Status")["notices"]
    assert "firewall/rules.yaml" in notice
    draft = Path(notice.split(" moved to ")[1].split(":")[0])
    assert (draft / "firewall/rules.yaml").read_text() == RULES
    assert notice in fresh.patronus("status").out.replace("\n", " ")
    assert "were not loaded" in fresh.said()


def test_a_broken_edit_does_not_stop_the_router_from_starting(fresh: Machine) -> None:
    ruleset = fresh.ruleset()
    fresh.file("firewall/zones.yaml").write_text("zones: [}")
    assert fresh.patronus("config", "commit").code == 1
    fresh.kill()
    fresh.start()
    assert fresh.ruleset() == ruleset
    assert fresh.doctor() == []
    assert fresh.patronus("config", "check").code == 0
