# SPDX-License-Identifier: GPL-2.0-or-later
"""The firewall's rules at the command line, from adding to removing, and what becomes of a packet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.netns.daemon.machine import Machine


def rules(machine: Machine) -> list[dict[str, Any]]:
    return [one["rule"] for one in machine.patronus("--json", "rules", "list").json()["rules"]]


def order(machine: Machine) -> list[str]:
    return [rule["name"] for rule in rules(machine)]


def test_rules_are_added_changed_moved_switched_and_removed(fresh: Machine, tmp_path: Path) -> None:
    def run(*words: str) -> None:
        said = fresh.patronus("rules", *words)
        assert said.code == 0, said.err

    run("add", "--name", "mail", "--protocol", "tcp", "--port", "25", "--action", "drop")
    run("add", "--name", "office", "--from", "lan", "--to", "wan", "--protocol", "tcp", "--port", "22,8080",
        "--action", "allow", "--limit", "10/s", "--limit-per", "source", "--connections", "20",
        "--days", "mon-sun", "--time", "00:00-24:00", "--log-prefix", "office")  # fmt: skip
    mail, office = (rule["id"] for rule in rules(fresh))
    assert "ct count" in fresh.ruleset()
    run("add", "--name", "news", "--protocol", "tcp", "--port", "119", "--action", "drop", "--before", office)
    run("move", office, "--before", mail)
    assert order(fresh) == ["office", "mail", "news"]
    run("move", mail, "--at", "2")
    assert order(fresh) == ["office", "news", "mail"]
    run("change", office, "--port", "443", "--set", "connections=null")
    first = rules(fresh)[0]
    assert (first["destination_port"], first["limit"]["per"], "connections" in first) == (
        443,
        "source",
        False,
    )
    assert "ct count" not in fresh.ruleset()
    asked = ("--in", "lan", "--src", "192.168.1.30", "--dst", "198.51.100.9", "--dport", "25")
    said = fresh.patronus("explain", *asked, "--why-not").out
    assert f"It is dropped by rule/{mail} (mail), in nftables." in said
    assert f"rule/{office}: another destination port" in said
    run("disable", mail)
    assert fresh.patronus("--json", "explain", *asked).json()["action"] == "allow"
    run("enable", mail)
    assert fresh.patronus("--json", "explain", *asked).json()["action"] == "drop"
    run("replace", mail, "--name", "no mail", "--protocol", "tcp", "--port", "25", "--action", "reject")
    assert fresh.patronus("--json", "explain", *asked).json()["action"] == "reject"
    exported = fresh.patronus("firewall", "export", "--format", "iptables")
    assert (exported.code, "--destination-ports 119 -j DROP" in exported.out) == (0, True), exported.err
    assert "-p 6" not in fresh.patronus("firewall", "export", "--family", "ipv6").out.partition("*filter")[0]
    ruleset = fresh.ruleset()
    saved = tmp_path / "rules.v4"
    saved.write_text("*filter\n-A INPUT -i eth0 -p tcp --dport 7 -j ACCEPT\n-A INPUT -j TARPIT\nCOMMIT\n")
    brought = fresh.patronus("firewall", "import", str(saved), "--map", "eth0=wan")
    assert (brought.code, "line 3: -j TARPIT" in brought.out) == (0, True), brought.err
    assert "1 rules and 0 translations are in your draft" in brought.out
    assert fresh.ruleset() == ruleset
    assert "import-2 added" in fresh.patronus("config", "draft").out
    assert fresh.patronus("config", "draft", "discard").code == 0
    refused = fresh.patronus("rules", "change", mail, "--limit", "often")
    assert (refused.code, "limit.rate" in refused.err) == (1, True)
    assert fresh.patronus("rules", "move", mail).code == 1
    assert fresh.patronus("rules", "change", "r-none", "--port", "1").code == 1
    run("remove", mail)
    assert order(fresh) == ["office", "news"]
