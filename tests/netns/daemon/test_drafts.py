# SPDX-License-Identifier: GPL-2.0-or-later
"""Drafts at the command line: collected, planned, committed together, or named as a conflict."""

from __future__ import annotations

from pathlib import Path
from socket import SOCK_STREAM

import pytest

from tests.netns.daemon.machine import LONG_S, Machine
from tests.netns.daemon.provider import WEB
from tests.netns.lab import Server

MAIL = ("rules", "add", "--name", "no mail", "--protocol", "tcp", "--port", "25", "--action", "drop")
NEWS = ("rules", "add", "--name", "no news", "--protocol", "tcp", "--port", "119", "--action", "drop")


def names(machine: Machine, *options: str) -> list[str]:
    said = machine.patronus("--json", *options, "rules", "list")
    return [item["rule"]["name"] for item in said.json()["rules"]]


def test_a_draft_is_collected_planned_and_committed_as_one_change(fresh: Machine) -> None:
    ruleset = fresh.ruleset()
    assert "no draft" in fresh.patronus("config", "draft").out
    assert fresh.patronus("config", "draft", "plan").code == 1
    for command in (MAIL, NEWS):
        said = fresh.patronus("--draft", *command)
        assert (said.code, "in your draft" in said.out) == (0, True), said.err
    assert names(fresh) == []
    assert names(fresh, "--draft") == ["no mail", "no news"]
    (first, second) = fresh.patronus("--json", "--draft", "rules", "list").json()["rules"]
    assert fresh.patronus("--draft", "rules", "remove", first["id"]).code == 0
    assert fresh.ruleset() == ruleset
    fresh.kill()
    fresh.start()
    plan = fresh.patronus("--json", "config", "draft", "plan").json()
    assert plan["changes"] == [f"firewall/rules: rules {second['id']} added"]
    assert [one["feature"] for one in plan["features"]] == ["firewall"]
    assert "no news" in fresh.patronus("config", "draft", "diff").out
    said = fresh.patronus("config", "draft", "commit", "-m", "no news", "--confirm", "90")
    assert (said.code, "reverts in 90 s" in said.out) == (0, True), said.err
    assert fresh.patronus("config", "confirm").code == 0
    assert names(fresh) == ["no news"]
    assert fresh.ruleset() != ruleset
    assert "no news" in fresh.patronus("config", "log").out
    assert fresh.patronus("config", "draft", "commit").code == 1


def test_a_discarded_draft_leaves_no_trace(fresh: Machine) -> None:
    fresh.patronus("--draft", *MAIL)
    assert fresh.patronus("config", "draft", "discard").code == 0
    assert fresh.patronus("--json", "config", "draft").json()["exists"] is False
    assert names(fresh, "--draft") == []


def test_what_acts_at_once_cannot_be_put_into_a_draft(fresh: Machine) -> None:
    said = fresh.patronus("--draft", "config", "confirm")
    assert (said.code, "acts at once" in said.err) == (1, True)


def test_a_file_is_edited_in_the_draft_and_mistakes_are_shown_with_their_lines(
    fresh: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n  - {id: r, protocol: tcp, destination_port: 70000, action: drop}\n")
    assert fresh.patronus("config", "draft", "edit", "firewall/rules.yaml", "--from", str(file)).code == 0
    said = fresh.patronus("config", "draft", "check")
    assert (said.code, "firewall/rules.yaml:2" in said.err) == (1, True)
    assert fresh.patronus("config", "draft", "commit").code == 1
    file.write_text("# ours\nrules:\n  - {id: r, protocol: tcp, destination_port: 7000, action: drop}\n")
    assert fresh.patronus("config", "draft", "edit", "firewall/rules.yaml", "--from", str(file)).code == 0
    assert fresh.call("config.Show", draft=True)["files"]["firewall/rules.yaml"] == file.read_text()
    assert fresh.call("config.Show")["files"].get("firewall/rules.yaml") != file.read_text()
    assert fresh.patronus("config", "draft", "check").code == 0
    assert fresh.patronus("config", "draft", "commit").code == 0
    assert fresh.file("firewall/rules.yaml").read_text() == file.read_text()


def test_the_plan_says_who_would_lose_what_and_the_commit_does_it(fresh: Machine) -> None:
    wan, lan = fresh.uplinked(), fresh.lease()
    server = Server(fresh.wan.socket(4, SOCK_STREAM), WEB, 7777)
    with fresh.lan.socket(4, SOCK_STREAM) as client:
        client.settimeout(LONG_S)
        client.connect((WEB, 7777))
        assert client.recv(100) == f"{wan}\n".encode()
        rules = (("no 7777", "lan", "wan", "tcp", 7777), ("no names", "lan", "self", "udp", 53))
        for name, source, target, protocol, port in rules:
            rule = {"name": name, "from": source, "to": target, "protocol": protocol, "action": "drop"}
            fresh.call("firewall.AddRule", rule={**rule, "destination_port": port}, draft=True)
        said = fresh.patronus("--json", "config", "draft", "plan")
        plan = said.json()
        broken = {one["kind"]: one for one in plan["consequences"] if not one["works"]}
        assert plan["breaks"] and set(broken) == {"service", "flow"}
        assert broken["service"]["what"] == "dns for lan over udp"
        flow = broken["flow"]
        assert (flow["packet"]["source"], flow["packet"]["destination_port"]) == (lan, 7777)
        assert flow["after"].startswith("dropped by rule/")
        explained = fresh.call("firewall.Explain", **flow["packet"])
        assert explained["action"] == "allow"
        assert "STOPS: tcp" in fresh.patronus("config", "draft", "plan").out
        client.sendall(b"still here")
        assert client.recv(100) == b"still here"
        said = fresh.patronus("config", "draft", "commit")
        assert (said.code, "STOPS: dns for lan over udp" in said.out) == (0, True), said.err
        assert fresh.call("firewall.Explain", **flow["packet"])["action"] == "drop"
        assert fresh.call("config.Plan", files={})["consequences"] == []
        client.settimeout(1)
        client.sendall(b"gone")
        with pytest.raises(TimeoutError):
            client.recv(100)
    server.close()


def test_two_people_at_once_are_merged_or_told_what_they_both_changed(fresh: Machine) -> None:
    def rule(name: str, port: int, **more: object) -> dict[str, object]:
        return {"name": name, "protocol": "udp", "destination_port": port, "action": "drop", **more}

    one = fresh.call("firewall.AddRule", rule=rule("one", 1))["id"]
    two = fresh.call("firewall.AddRule", rule=rule("two", 2))["id"]
    fresh.call("firewall.ReplaceRule", id=one, rule=rule("one", 11), draft=True)
    fresh.call("firewall.ReplaceRule", id=two, rule=rule("two", 22))
    assert fresh.patronus("config", "draft", "commit").code == 0
    ports = [item["rule"]["destination_port"] for item in fresh.call("firewall.ListRules")["rules"]]
    assert ports == [11, 22]
    fresh.call("firewall.ReplaceRule", id=one, rule=rule("one", 12), draft=True)
    number = fresh.call("firewall.ReplaceRule", id=one, rule=rule("one", 13))["generation"]
    said = fresh.patronus("--json", "config", "draft", "commit")
    assert said.code == 1
    (clash,) = said.json()["clashes"]
    assert clash == {
        "file": "firewall/rules.yaml", "item": f"rules.{one}.destination_port", "actor": "root",
        "generation": number,
    }  # fmt: skip
