# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line before a real router: what it shows, what it changes, what it refuses, how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.netns.daemon.machine import Machine, eventually
from tests.netns.daemon.provider import GATEWAY, WEB
from tests.netns.services.network import dig

NOBODY = 65534
MISTAKES = {
    "patronus.toml": '[system]\nhostname = "-bad-"\ntimezone = "Mars/Base"\n',
    "network/dhcp.yaml": """pools:
  - {id: lan, interface: nowhere, ranges: [192.168.1.100-192.168.1.199], lease_time: 12h}
  - {id: two, interface: lan, ranges: [10.0.0.1-10.0.0.9], lease_time: never}
""",
    "network/dns.yaml": """listen: [lan]
records:
  - {id: a, name: nas.home.arpa, type: A, value: 192.168.1.300}
colour: red
""",
    "firewall/rules.yaml": """rules:
  - {id: r1, protocol: tcp, destination_port: 70000, action: drop}
  - {id: r2, from: moon, action: drop}
  - {id: r3, source: "@nobody", action: drop}
  - {id: r4, action: explode}
  - {id: r4, action: drop}
""",
}


@pytest.fixture
def restored(machine: Machine) -> Iterator[Machine]:
    """Lend the machine, and bring back the configuration that it had before."""
    before = machine.call("config.Show")["files"]
    yield machine
    now = machine.call("config.Show")["files"]
    machine.call("config.Load", files={**dict.fromkeys(now), **before})


def test_status_says_that_all_is_as_planned(machine: Machine) -> None:
    said = machine.patronus("status")
    assert said.code == 0, said.err
    assert "generation" in said.out
    assert machine.uplinked() in said.out
    assert "not as planned" not in said.out


def test_status_says_what_is_not_as_planned(machine: Machine) -> None:
    machine.router.run("nft", "add", "chain", "inet", "patronus", "by_hand")
    try:
        assert "not as planned" in machine.patronus("status").out
    finally:
        machine.router.run("nft", "delete", "chain", "inet", "patronus", "by_hand")
    assert "not as planned" not in machine.patronus("status").out


def test_a_rule_stops_packets_until_it_is_removed(restored: Machine) -> None:
    machine = restored
    machine.lease()
    eventually(machine.page, "the page")
    added = machine.patronus(
        "--json", "rules", "add", "--name", "no web", "--from", "lan", "--to", "wan", "--protocol", "tcp",
        "--port", "80", "--action", "drop",
    )  # fmt: skip
    assert added.code == 0, added.err
    name = added.json()["id"]
    assert machine.page() == ""
    (listed,) = machine.patronus("--json", "rules", "list").json()["rules"]
    assert (listed["id"], listed["rule"]["name"]) == (name, "no web")
    assert listed["packets"] > 0
    assert name in machine.patronus("rules", "list").out
    assert machine.patronus("rules", "remove", name).code == 0
    eventually(machine.page, "the page again")
    assert machine.patronus("rules", "remove", name).code == 1


def test_what_is_expected_of_the_rules_is_tried_and_guards_them(restored: Machine, tmp_path: Path) -> None:
    machine, file = restored, tmp_path / "mine.yaml"
    line = "  - {from: lan, to: wan, protocol: tcp, destination_port: 80, expect: %s}\n"
    file.write_text("tests:\n" + line % "allow")
    said = machine.patronus("firewall", "test", str(file))
    assert (said.code, "ok   line 2" in said.out, "1 tried, 0 failed" in said.out) == (0, True, True), said
    file.write_text("tests:\n" + line % "drop")
    said = machine.patronus("firewall", "test", str(file))
    assert (said.code, "FAIL line 2" in said.out) == (1, True), said
    machine.call("config.Load", files={"firewall/tests.yaml": "tests:\n" + line % "allow"})
    rule = ("rules", "add", "--from", "lan", "--to", "wan", "--action", "reject")
    refused = machine.patronus(*rule)
    assert (refused.code, "firewall/tests.yaml:2" in refused.err) == (1, True), refused
    assert machine.patronus("firewall", "test").code == 0
    machine.call("config.Load", files={"firewall/tests.yaml": "tests: []\n"})
    assert machine.patronus(*rule).code == 0


def test_nat_is_listed(machine: Machine) -> None:
    for command in (("nat",), ("nat", "list")):
        said = machine.patronus(*command)
        assert (said.code, "masquerade" in said.out) == (0, True)


def test_a_route_is_added_listed_and_removed(restored: Machine) -> None:
    said = restored.patronus("routes", "add", "10.20.0.0/16", "--gateway", "192.168.1.254")
    assert said.code == 0, said
    assert "10.20.0.0/16 via 192.168.1.254" in restored.router.ip("route")
    (listed,) = json.loads(restored.patronus("--json", "routes").out)["routes"]
    assert (listed["state"], listed["metric"]) == ("active", 20)
    assert "192.168.1.254" in restored.patronus("routes", "list").out
    away = ("10.30.0.0/16", "--gateway", "192.168.9.9", "--interface", "lan")
    refused = restored.patronus("routes", "add", *away)
    assert (refused.code, "192.168.9.9 is in no subnet of lan" in refused.err) == (1, True), refused
    assert restored.patronus("routes", "remove", listed["id"]).code == 0
    assert "10.20.0.0/16" not in restored.router.ip("route")
    assert restored.patronus("routes", "remove", listed["id"]).code == 1


def test_a_route_of_two_ways_and_a_policy_are_added_listed_and_removed(restored: Machine) -> None:
    two = ("--way", "192.168.1.254=2", "--way", "192.168.1.253@lan")
    said = restored.patronus("routes", "add", "10.20.0.0/16", *two)
    assert said.code == 0, said
    assert "nexthop via 192.168.1.254" in restored.router.ip("route show 10.20.0.0/16")
    assert "via 192.168.1.253" in restored.patronus("routes").out
    fits = ("--source", "192.168.1.9", "--protocol", "tcp", "--port", "25", "--port", "8000-8100")
    said = restored.patronus("routes", "policy", "add", *fits, "--way", "192.168.1.254")
    assert said.code == 0, said
    (listed,) = json.loads(restored.patronus("--json", "routes", "policy").out)["policies"]
    assert (listed["state"], listed["configuration"]["ports"]) == ("active", [25, "8000-8100"])
    assert "from 192.168.1.9/32 tcp port 25, 8000-8100" in restored.patronus("routes", "policy", "list").out
    assert "from 192.168.1.9 ipproto tcp dport 25 " in restored.router.ip("rule")
    assert restored.patronus("routes", "policy", "add", "--way", "192.168.1.254").code == 1
    assert restored.patronus("routes", "policy", "remove", listed["id"]).code == 0
    assert "192.168.1.9" not in restored.router.ip("rule")


def test_an_uplink_is_added_listed_and_removed(restored: Machine) -> None:
    restored.uplinked()
    said = restored.patronus("uplinks", "add", "wan", "--interval", "1s", "--check", "icmp")
    assert said.code == 0, said
    (listed,) = json.loads(restored.patronus("--json", "uplinks").out)["uplinks"]
    assert (listed["id"], listed["tier"], listed["taken"]) == ("wan", 1, True)
    assert "wan" in restored.patronus("uplinks", "list").out
    assert "lookup 30000" in restored.router.ip("rule")
    assert "uplink/kept" in restored.ruleset()
    refused = restored.patronus("uplinks", "add", "lan")
    assert (refused.code, "lan has no gateway and asks for none" in refused.err) == (1, True), refused
    assert restored.patronus("uplinks", "remove", "wan").code == 0
    assert "lookup 30000" not in restored.router.ip("rule")
    assert "uplink/kept" not in restored.ruleset()


def test_the_cards_and_what_networks_are_told_are_listed(machine: Machine) -> None:
    assert "eth1" in machine.patronus("interfaces", "--nics").out
    (network,) = json.loads(machine.patronus("--json", "interfaces", "--announced").out)["networks"]
    (prefix,) = network["prefixes"]
    assert (network["interface"], network["default_router"]) == ("lan", False)
    assert prefix["prefix"].startswith("fd")


def test_a_translation_is_added_switched_and_removed(restored: Machine) -> None:
    prefixes = ("--inside", "192.168.1.16/28", "--outside", "203.0.113.16/28")
    said = restored.patronus("--json", "nat", "add", "one-to-one", "--zone", "wan", *prefixes, "--hairpin")
    entry = json.loads(said.out)["id"]
    assert "203.0.113.16/28" in restored.patronus("nat", "list").out
    assert "203.0.113.16" in restored.ruleset()
    assert restored.patronus("nat", "disable", entry).code == 0
    assert "203.0.113.16" not in restored.ruleset()
    assert restored.patronus("nat", "enable", entry).code == 0
    assert restored.patronus("nat", "move", entry, "0").code == 0
    assert json.loads(restored.patronus("--json", "nat", "list").out)["nat"][0]["id"] == entry
    assert "203.0.113.16" in restored.ruleset()
    assert restored.patronus("nat", "remove", entry).code == 0
    assert restored.patronus("nat", "disable", entry).code == 1
    refused = restored.patronus("nat", "add", "nptv6", "--zone", "wan", *prefixes)
    assert (refused.code, "one-to-one takes any others" in refused.err) == (1, True)


def test_how_long_connections_are_remembered_is_set(restored: Machine) -> None:
    udp = "/proc/sys/net/netfilter/nf_conntrack_udp_timeout"
    assert restored.patronus("connections", "set", "udp=45s", "icmp=40s").code == 0
    assert restored.router.run("cat", udp).strip() == "45"
    assert restored.patronus("connections", "set", "udp=default").code == 0
    assert restored.router.run("cat", udp).strip() == "30"
    shown = restored.patronus("--json", "connections", "timeouts").json()
    assert shown["settings"] == {"timeouts": {"icmp": "40s"}}
    assert "tcp_established" in restored.patronus("connections", "timeouts").out
    refused = restored.patronus("connections", "set", "table_size=7")
    assert (refused.code, "table_size" in refused.err) == (1, True), refused
    refused = restored.patronus("connections", "set", "sctp=5m")
    assert (refused.code, "sctp" in refused.err) == (1, True), refused
    assert restored.patronus("connections", "set", "udp").code == 2


def test_a_guard_is_set_and_its_figures_stay(restored: Machine) -> None:
    assert restored.patronus("protection", "set", "bogons", "on", "--allow", "100.64.0.0/10").code == 0
    assert "set bogons/4" in restored.ruleset()
    refused = restored.patronus("protection", "set", "syn-flood", "on", "--burst", "0")
    assert (refused.code, "burst" in refused.err) == (1, True), refused
    assert restored.patronus("protection", "set", "bogons", "off").code == 0
    assert "set bogons/4" not in restored.ruleset()
    listed = json.loads(restored.patronus("--json", "protection").out)["guards"]
    bogons = next(one for one in listed if one["id"] == "bogons")
    assert (bogons["enabled"], bogons["settings"]["allow"]) == (False, ["100.64.0.0/10"])
    refused = restored.patronus("protection", "set", "syn-flood", "on", "--zone", "wam")
    assert (refused.code, "did you mean wan?" in refused.err) == (1, True)


def test_open_connections_are_listed_and_ended(machine: Machine) -> None:
    machine.lease()
    eventually(machine.page, "the page")
    listed = json.loads(machine.patronus("--json", "connections", "list", "--address", WEB).out)
    assert listed["connections"][0]["destination"].startswith(WEB)
    assert (listed["matching"], listed["limit"]) >= (1, 1)
    assert f"{WEB}:" in machine.patronus("connections", "list", "--address", WEB).out
    assert machine.patronus("connections", "kill").code == 1
    assert "ended" in machine.patronus("connections", "kill", "--address", WEB).out
    assert "No connection fits" in machine.patronus("connections", "list", "--address", WEB).out


@pytest.mark.parametrize("options", [(), ("--for", "1h")])
def test_a_block_holds_until_it_is_taken_away(restored: Machine, options: tuple[str, ...]) -> None:
    machine = restored
    machine.lease()
    eventually(machine.page, "the page")
    assert machine.patronus("block", WEB, *options, "--reason", "test").code == 0
    assert machine.page() == ""
    assert WEB in machine.patronus("blocks").out
    assert machine.patronus("unblock", WEB).code == 0
    eventually(machine.page, "the page again")
    assert machine.patronus("unblock", WEB).code == 1


def test_a_block_ends_by_itself(machine: Machine) -> None:
    machine.lease()
    eventually(machine.page, "the page")
    assert machine.patronus("block", WEB, "--for", "10s").code == 0
    assert machine.page() == ""
    eventually(machine.page, "the page after the block")
    assert WEB not in machine.patronus("blocks").out


def test_nobody_blocks_the_router_itself(machine: Machine) -> None:
    before = machine.ruleset()
    assert machine.patronus("block", "192.168.1.1").code == 1
    assert machine.ruleset() == before


def test_a_reservation_moves_a_host(restored: Machine) -> None:
    machine = restored
    address = machine.lease("-h", "nas")
    mac = json.loads(machine.lan.run("ip", "-j", "link", "show", "eth0"))[0]["address"]
    assert address in machine.patronus("leases").out
    said = machine.patronus("reserve", mac, "192.168.1.20", "--pool", "lan", "--hostname", "nas")
    assert said.code == 0, said.err
    assert machine.lease("-h", "nas") == "192.168.1.20"
    assert machine.patronus("reserve", mac, "10.9.9.9", "--pool", "lan").code == 1


def test_ten_mistakes_are_told_at_once_and_nothing_changes(machine: Machine) -> None:
    before = machine.ruleset(), machine.call("config.Log"), machine.call("config.Show")
    texts = {name: machine.file(name).read_text() for name in MISTAKES if machine.file(name).exists()}
    for name, text in MISTAKES.items():
        machine.file(name).write_text(text)
    try:
        checked, committed = machine.patronus("config", "check"), machine.patronus("config", "commit")
        after = machine.ruleset(), machine.call("config.Log"), machine.call("config.Show")
    finally:
        for name in MISTAKES:
            machine.file(name).unlink()
            if name in texts:
                machine.file(name).write_text(texts[name])
    for said in (checked, committed):
        assert said.code == 1
        places = {line.split(" ")[0] for line in said.err.splitlines() if not line.startswith("warning")}
        assert places == {
            "patronus.toml:2", "patronus.toml:3", "network/dhcp.yaml:2", "network/dhcp.yaml:3",
            "network/dns.yaml:3", "network/dns.yaml:4", "firewall/rules.yaml:2", "firewall/rules.yaml:3",
            "firewall/rules.yaml:4", "firewall/rules.yaml:5", "firewall/rules.yaml:6",
        }, said.err  # fmt: skip
    assert after == before
    assert machine.patronus("config", "check").code == 0


def rules(machine: Machine) -> list[str]:
    """Return the names of the rules that run."""
    return [item["rule"]["name"] for item in machine.call("firewall.ListRules")["rules"]]


def files_are(machine: Machine, wanted: dict[str, str]) -> bool:
    """Return whether the tree holds these files, and no others of rules: the kernel comes before it."""
    there = {name: machine.file(name).read_text() for name in wanted}
    left = machine.file("firewall/rules.yaml").exists() and "firewall/rules.yaml" not in wanted
    return there == wanted and not left


RULE = "rules:\n  - {id: r-x, name: waits, protocol: udp, destination_port: 99, action: drop}\n"


def test_what_nobody_confirms_goes_away_from_files_and_kernel(restored: Machine) -> None:
    machine = restored
    before, ruleset = machine.call("config.Show")["files"], machine.ruleset()
    machine.file("firewall/rules.yaml").write_text(RULE)
    said = machine.patronus("config", "commit", "--confirm", "20s", "-m", "try")
    assert (said.code, "reverts in" in said.out) == (0, True), said.err
    assert "waits" in rules(machine)
    assert machine.ruleset() != ruleset
    assert "not confirmed" in machine.patronus("config", "log").out
    eventually(lambda: machine.ruleset() == ruleset, "the old ruleset")
    eventually(lambda: machine.call("config.Pending")["generation"] is None, "the end of waiting")
    assert machine.call("config.Show")["files"] == before
    eventually(lambda: files_are(machine, before), "the files as they were")
    assert machine.doctor() == []
    assert machine.patronus("config", "confirm").code == 1


def test_what_is_confirmed_stays(restored: Machine) -> None:
    machine = restored
    machine.file("firewall/rules.yaml").write_text(RULE)
    assert machine.patronus("config", "commit", "--confirm", "60s").code == 0
    said = machine.patronus("config", "confirm")
    assert (said.code, "confirmed" in said.out) == (0, True)
    assert "waits" in rules(machine)
    assert machine.call("config.Pending")["generation"] is None


def test_history_diff_and_rollback(restored: Machine) -> None:
    machine = restored
    start = machine.call("system.Status")["generation"]
    for port in ("1001", "1002"):
        command = ("rules", "add", "--name", f"no {port}", "--protocol", "udp", "--port", port)
        assert machine.patronus(*command, "--action", "drop").code == 0
    said = machine.patronus("config", "diff", str(start), str(start + 1))
    assert said.code == 0
    assert "no 1001" in said.out
    assert "no 1002" not in said.out
    assert machine.patronus("config", "rollback", str(start + 1)).code == 0
    assert rules(machine) == ["no 1001"]
    log = machine.patronus("--json", "config", "log").json()["generations"]
    assert [item["number"] for item in log[:4]] == [start + 3, start + 2, start + 1, start]
    assert log[0]["current"]
    assert machine.patronus("config", "rollback", "4711").code == 1
    assert machine.patronus("config", "diff", "4711").code == 1


def test_events_tell_of_a_change(restored: Machine) -> None:
    """The listener hears of changes from when it is there: changes are made until one is heard of."""
    machine = restored
    with machine.listening() as heard:

        def told() -> bool:
            machine.patronus("rules", "add", "--protocol", "udp", "--port", "9", "--action", "drop")
            return "config-changed" in heard()

        eventually(told, "the event")
    with machine.client() as client:
        place, first = islice(client.stream("system.Events", {"after": 0}), 2)
    assert (place["number"], place["event"]) == (0, None)
    assert first["number"] == 1


def test_where_xdp_does_not_help_is_said(machine: Machine) -> None:
    """Nothing has loaded it here."""
    said = machine.patronus("firewall", "xdp")
    assert (said.code, "it stands on no card" in said.out) == (0, True)
    assert "XDP is not loaded" in said.out
    assert "XDP is not loaded" in machine.patronus("firewall", "drops", "--seconds", "1").out
    assert machine.patronus("firewall", "drops", "--seconds", "11").code == 2


def test_packets_are_followed_and_none_is_said(machine: Machine) -> None:
    said = machine.patronus("trace", "--proto", "gre", "--seconds", "0.2")
    assert (said.code, said.out.strip()) == (0, "No such packet came.")
    assert machine.patronus("trace", "--proto", "gre", "--dport", "80").code == 1


def test_exit_codes(machine: Machine) -> None:
    assert machine.patronus("config", "log").code == 0
    assert machine.patronus("rules", "remove", "no-such-rule").code == 1
    assert machine.patronus("rules", "add").code == 2
    assert machine.patronus("no-such-command").code == 2
    assert machine.patronus("--socket", "/nowhere/patronus.sock", "status").code == 3
    assert machine.patronus("rules", "list", user=NOBODY).code == 4
    assert machine.patronus("--json", "rules", "remove", "no-such-rule").json()["error"] == "NotFound"


def test_names_still_resolve_after_all_this(machine: Machine) -> None:
    assert dig(machine.wan, "www.example", at=GATEWAY) == [WEB]
    assert dig(machine.lan, "www.example") == [WEB]
    assert machine.doctor() == []
