# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes under traffic: what is allowed goes on, what is forbidden ends, what is not ours stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from patronus.core.errors import InvalidConfiguration, KernelError
from patronus.core.feature import Earlier
from patronus.core.files import LISTS
from patronus.core.verb import Nothing
from patronus.firewall.table.ruleset import Keyed
from patronus.kernel import sysctl
from patronus.kernel.host import Places
from patronus.kernel.nft import Batch
from patronus.kernel.nft_state import StandingRule
from tests.golden.case import links, load, openings
from tests.netns.firewall.driver import Firewall
from tests.netns.lab import Lab, silent

ALLOW = "{id: r-ssh, from: guest, to: lan, protocol: tcp, destination_port: 22, action: allow}"
LOCKDOWN = (
    "add table inet patronus_lockdown; "
    "add chain inet patronus_lockdown i { type filter hook input priority 0; policy drop; }"
)


def rules(*lines: str) -> str:
    return "rules:\n" + "".join(f"  - {line}\n" for line in lines)


@pytest.fixture
def firewall(lab: Lab) -> Firewall:
    return Firewall(lab)


@pytest.fixture
def server(lab: Lab) -> Iterator[None]:
    with lab.lan.serving(22):
        yield


@pytest.mark.usefixtures("server")
def test_an_established_connection_survives_a_hundred_reloads(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(rules=rules(ALLOW))
    with lab.guest.stream(lab.lan.ipv4, 22) as connection:
        assert connection.recv(100)
        for turn in range(100):
            match = f"from: guest, to: lan, protocol: tcp, destination_port: {turn + 1000}"
            extra = f"{{id: r-{turn}, {match}, action: drop}}"
            firewall.apply(rules=rules(extra, ALLOW) if turn % 2 else rules(ALLOW))
            listed = lab.router.run("nft", "list", "chain", "inet", "patronus", "pair/guest/lan")
            assert (f"dport {turn + 1000}" in listed) == bool(turn % 2), "the change is in the kernel"
            connection.sendall(b"x")
            assert connection.recv(100) == b"x"


@pytest.mark.usefixtures("server")
def test_a_new_deny_ends_the_connection_it_forbids_and_no_other(lab: Lab, firewall: Firewall) -> None:
    lab.more_addresses("guest", "10.10.0.51/24")
    firewall.apply(rules=rules(ALLOW))
    to = lab.lan.ipv4
    with lab.guest.stream(to, 22) as denied, lab.guest.stream(to, 22, "10.10.0.51") as kept:
        assert denied.recv(100)
        assert kept.recv(100)
        drop = "{id: r-deny, from: guest, to: lan, source: 10.10.0.50, action: drop}"
        firewall.apply(rules=rules(drop, ALLOW))
        kept.sendall(b"x")
        assert kept.recv(100) == b"x"
        denied.sendall(b"x")
        assert silent(denied)


@pytest.mark.usefixtures("server")
def test_a_removed_allow_ends_its_connection_also_after_a_restart(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(rules=rules(ALLOW))
    with lab.guest.stream(lab.lan.ipv4, 22) as connection:
        assert connection.recv(100)
        firewall.restart()
        firewall.apply(rules=rules(ALLOW))
        connection.sendall(b"x")
        assert connection.recv(100) == b"x"
        firewall.restart()
        firewall.apply()
        connection.sendall(b"x")
        assert silent(connection)


def test_a_removed_port_forward_ends_its_connection(lab: Lab, firewall: Firewall) -> None:
    nat = "nat:\n  - {id: n-1, type: dnat, in: wan, destination_port: 8022, to: '192.168.1.30:22'}\n"
    with lab.lan.serving(22):
        firewall.apply(nat=nat)
        with lab.wan.stream("198.51.100.2", 8022) as connection:
            assert connection.recv(100)
            firewall.apply(nat=nat, rules=rules(ALLOW))
            connection.sendall(b"x")
            assert connection.recv(100) == b"x"
            firewall.apply()
            connection.sendall(b"x")
            assert silent(connection)


def test_counters_survive_changes_around_them(lab: Lab, firewall: Firewall) -> None:
    rule = "{id: r-1, from: guest, to: lan, protocol: udp, action: allow}"
    firewall.apply(rules=rules(rule))
    assert lab.guest.udp(lab.lan.ipv4, 5000, lab.lan)
    assert firewall.packets("rule/r-1") == 1
    firewall.apply(rules=rules("{id: r-0, from: guest, to: lan, protocol: tcp, action: drop}", rule))
    assert firewall.packets("rule/r-1") == 1
    firewall.apply(rules=rules(rule.replace("}", ", enabled: false}")))
    firewall.restart()
    firewall.apply(rules=rules(rule))
    assert firewall.packets("rule/r-1") == 1


def test_a_foreign_table_is_not_touched(lab: Lab, firewall: Firewall) -> None:
    foreign = "add table inet docker; add chain inet docker x; add rule inet docker x counter accept"
    lab.router.run("nft", foreign)
    before = lab.router.run("nft", "-j", "list", "table", "inet", "docker")
    firewall.apply(rules=rules(ALLOW))
    firewall.apply()
    assert lab.router.run("nft", "-j", "list", "table", "inet", "docker") == before


def test_the_lockdown_ends_with_the_first_ruleset_and_forwarding_starts_behind_it(
    lab: Lab, firewall: Firewall
) -> None:
    lab.router.run("nft", LOCKDOWN)
    with lab.router:
        assert sysctl.read("net.ipv4.ip_forward") == "0"
        firewall_tables = firewall.nft.tables()
    assert ("inet", "patronus_lockdown") in firewall_tables
    firewall.apply()
    with lab.router:
        assert firewall.nft.tables() == {("inet", "patronus")}
        assert sysctl.read("net.ipv4.ip_forward") == "1"


def test_undoing_the_first_ruleset_brings_the_lockdown_back(lab: Lab, firewall: Firewall) -> None:
    lab.router.run("nft", LOCKDOWN)
    before = lab.router.run("nft", "list", "ruleset")
    with lab.router:
        plan = firewall.feature.plan(firewall.config, firewall.feature.facts(), Earlier())
        steps = iter(firewall.feature.steps(plan, None))
        first = next(steps)
        first.do()
        assert ("inet", "patronus_lockdown") not in firewall.nft.tables()
        first.undo()
    assert lab.router.run("nft", "list", "ruleset") == before


def test_a_ruleset_that_somebody_flushed_comes_back_whole(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(rules=rules(ALLOW))
    lab.router.run("nft", "flush chain inet patronus forward")
    assert [found.what for found in firewall.differences()] == ["nft chain forward"]
    firewall.apply(rules=rules(ALLOW))
    lab.router.run("nft", "delete table inet patronus")
    firewall.apply(rules=rules(ALLOW))


def test_mistakes_change_nothing(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(rules=rules(ALLOW))
    before = lab.router.run("nft", "list", "ruleset")
    with pytest.raises(InvalidConfiguration):
        firewall.apply(rules=rules("{id: r-1, from: nowhere, to: lan, action: allow}"))
    assert lab.router.run("nft", "list", "ruleset") == before


def test_only_what_differs_is_sent(lab: Lab, firewall: Firewall) -> None:
    other = "{id: r-9, from: lan, to: guest, protocol: tcp, action: drop}"
    firewall.apply(rules=rules(ALLOW, other))
    handles = _handles(lab)
    firewall.apply(rules=rules(ALLOW, other.replace("drop", "reject")))
    changed = {chain for chain, found in _handles(lab).items() if found != handles[chain]}
    assert changed == {"pair/lan/guest"}


MANY = [f"{{id: r-{turn}, from: guest, to: lan, protocol: udp, destination_port: {turn + 1}, action: allow}}"
        for turn in range(300)]  # fmt: skip


@pytest.fixture
def sent(firewall: Firewall, monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """Return the commands of each transaction, as they reach libnftables."""
    found: list[Mapping[str, Any]] = []
    for name in ("load", "load_and_tell"):
        send = getattr(firewall.nft, name)

        def noted(batch: Batch, send: Callable[[Batch], Any] = send) -> Any:
            found.extend(batch["nftables"])
            return send(batch)

        monkeypatch.setattr(firewall.nft, name, noted)
    return found


def test_one_rule_of_many_is_all_that_is_sent_and_the_counters_of_the_others_stay(
    lab: Lab, firewall: Firewall, sent: list[Mapping[str, Any]]
) -> None:
    many = [rule.replace("action", "mark: '0x0/0x1', action") for rule in MANY]
    firewall.apply(rules=rules(*many))
    assert lab.guest.udp(lab.lan.ipv4, 200, lab.lan)
    handles = _handles(lab)
    assert sum(name.startswith("pair/guest/lan/") for name in handles) > 10, "they are folded"
    sent.clear()
    firewall.apply(rules=rules(*many[:100], many[100].replace("allow", "drop"), *many[101:]))
    assert _kinds(sent) == [("add", "table"), ("delete", "rule"), ("insert", "rule")]
    after = _handles(lab)
    assert after.keys() == handles.keys()
    changed = [name for name, found in after.items() if found != handles[name]]
    assert len(changed) == 1
    assert len(set(after[changed[0]]) - set(handles[changed[0]])) == 1
    assert firewall.packets("rule/r-199") == 1
    assert not lab.guest.udp(lab.lan.ipv4, 101, lab.lan)
    assert firewall.packets("rule/r-100") == 1
    assert firewall.differences() == []


def _kinds(sent: list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(verb, kind) for command in sent for verb, what in command.items() for kind in what]


def test_a_rule_of_an_index_is_an_element_and_keeps_its_counter(
    lab: Lab, firewall: Firewall, sent: list[Mapping[str, Any]]
) -> None:
    """The first one of a verdict brings the map of that verdict, the others are taken out and put in."""
    dropped = [rule.replace("allow", "drop") for rule in MANY]
    firewall.apply(rules=rules(*MANY[:99], dropped[99], *MANY[100:]))
    assert lab.guest.udp(lab.lan.ipv4, 101, lab.lan)
    assert not lab.guest.udp(lab.lan.ipv4, 100, lab.lan)
    handles = _handles(lab)
    sent.clear()
    firewall.apply(rules=rules(*MANY[:99], *dropped[99:101], *MANY[101:]))
    assert _kinds(sent) == [("add", "table"), ("delete", "element"), ("add", "element")]
    assert _handles(lab) == handles
    assert not lab.guest.udp(lab.lan.ipv4, 101, lab.lan)
    assert (firewall.packets("rule/r-99"), firewall.packets("rule/r-100")) == (1, 2)
    firewall.apply(rules=rules(*MANY[:60]))
    assert lab.guest.udp(lab.lan.ipv4, 60, lab.lan)
    assert not lab.guest.udp(lab.lan.ipv4, 61, lab.lan)
    assert firewall.packets("rule/r-59") == 1
    assert firewall.differences() == []
    firewall.apply(rules=rules(*MANY[:20]))
    assert firewall.packets("rule/r-19") == 0
    assert lab.guest.udp(lab.lan.ipv4, 20, lab.lan)
    assert firewall.packets("rule/r-19") == 1
    assert firewall.differences() == []


def test_an_element_that_somebody_takes_out_is_missed_and_comes_back(lab: Lab, firewall: Firewall) -> None:
    firewall.apply(rules=rules(*MANY))
    assert firewall.running is not None
    name = next(name for name, one in firewall.running.ruleset.sets.items() if isinstance(one, Keyed))
    lab.router.run("nft", "delete", "element", "inet", "patronus", name, "{", "udp", ".", "77", "}")
    assert not lab.guest.udp(lab.lan.ipv4, 77, lab.lan)
    assert [found.what for found in firewall.differences()] == [f"nft set {name}"]
    firewall.apply(rules=rules(*MANY))
    assert firewall.differences() == []
    assert lab.guest.udp(lab.lan.ipv4, 77, lab.lan)


def test_rules_that_move_stand_where_they_should(lab: Lab, firewall: Firewall) -> None:
    """Any order becomes any other, and the whole table, read again, is as planned each time."""
    order = Random(7)
    for _ in range(12):
        firewall.apply(rules=rules(*order.sample(MANY, order.randrange(40))))
        assert firewall.differences() == []
    firewall.apply(rules=rules(*MANY))
    lab.router.run("nft", "insert", "rule", "inet", "patronus", "pair/guest/lan", "drop")
    assert [found.what for found in firewall.differences()] == ["nft chain pair/guest/lan"]
    firewall.apply(rules=rules(*MANY))
    assert firewall.differences() == []


def test_a_rule_that_somebody_removes_right_after_the_batch_is_missed(
    lab: Lab, firewall: Firewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The read-back of a small change looks at the kernel, not at what was sent."""
    firewall.apply(rules=rules(*MANY[:3]))
    tell = firewall.nft.load_and_tell

    def robbed(batch: Batch) -> list[dict[str, Any]]:
        told = tell(batch)
        lab.router.run("nft", "flush", "chain", "inet", "patronus", "pair/guest/lan")
        return told

    monkeypatch.setattr(firewall.nft, "load_and_tell", robbed)
    with pytest.raises(AssertionError):
        firewall.apply(rules=rules(*MANY[:2]))
    monkeypatch.undo()
    firewall.apply(rules=rules(*MANY[:2]))
    assert firewall.differences() == []


def test_a_change_that_meets_another_one_is_made_on_top_of_it(
    lab: Lab, firewall: Firewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handles that a batch names are those of rules that somebody has just removed."""
    firewall.apply(rules=rules(*MANY[:3]))
    tell = firewall.nft.load_and_tell

    def late(batch: Batch) -> list[dict[str, Any]]:
        monkeypatch.undo()
        lab.router.run("nft", "flush", "chain", "inet", "patronus", "pair/guest/lan")
        return tell(batch)

    monkeypatch.setattr(firewall.nft, "load_and_tell", late)
    firewall.apply(rules=rules(*MANY[1:3]))
    assert firewall.differences() == []


def test_the_table_is_listed_again_only_after_somebody_changed_it(
    lab: Lab, firewall: Firewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    all_rules = firewall.nft.rules

    def counted(family: str, name: str) -> list[StandingRule]:
        listed.append(name)
        return all_rules(family, name)

    monkeypatch.setattr(firewall.nft, "rules", counted)
    firewall.apply(rules=rules(ALLOW))
    assert listed == [], "a small change is known from what the kernel told"
    assert firewall.differences() == []
    assert listed == ["patronus"], "unless somebody asks for the whole"
    firewall.apply(rules="rules: []\n")
    firewall.apply(rules="rules: []\n")
    assert listed == ["patronus"]
    lab.router.run("nft", "flush", "chain", "inet", "patronus", "input")
    with pytest.raises(AssertionError), lab.router:
        assert list(firewall.feature.observe(firewall.feature._plan)) == []
    firewall.apply(rules="rules: []\n")
    assert len(listed) > 1


def _handles(lab: Lab) -> dict[str, list[int]]:
    items = json.loads(lab.router.run("nft", "-j", "list", "table", "inet", "patronus"))["nftables"]
    found: dict[str, list[int]] = {}
    for item in items:
        if "rule" in item:
            found.setdefault(item["rule"]["chain"], []).append(item["rule"]["handle"])
    return found


def test_the_kernels_refusal_names_the_command(lab: Lab, firewall: Firewall) -> None:
    table = {"add": {"table": {"family": "inet", "name": "patronus"}}}
    wrong = {"add": {"chain": {"family": "inet", "table": "nowhere", "name": "x"}}}
    with lab.router, pytest.raises(KernelError, match="nowhere"):
        firewall.nft.load({"nftables": [table, wrong, table]})
    with lab.router:
        assert firewall.nft.tables() == frozenset(), "a batch is taken whole or not at all"
        assert "nowhere" in (firewall.nft.check({"nftables": [table, wrong]}) or "")
        assert firewall.nft.check({"nftables": [table]}) is None
        assert firewall.nft.tables() == frozenset(), "a rehearsal changes nothing"


def test_an_interface_without_a_zone_passes_nothing(lab: Lab, firewall: Firewall) -> None:
    everything = "{id: r-all, action: allow}"
    firewall.apply(rules=rules(everything))
    assert lab.guest.udp(lab.lan.ipv4, 5000, lab.lan)
    lab.router.ip("link set guest down")
    lab.router.ip("link set guest name stranger")
    lab.router.ip("link set stranger up")
    assert not lab.guest.udp(lab.lan.ipv4, 5001, lab.lan)


def test_a_list_that_changes_reaches_the_kernel_whoever_has_looked_at_it_before(
    lab: Lab, tmp_path: Path
) -> None:
    places = Places.below(tmp_path)
    own = places.config / LISTS / "bad.txt"
    own.parent.mkdir(parents=True)
    own.write_text("198.51.100.9\n")
    firewall = Firewall(lab, places=places)
    alias = "aliases: [{id: bad, list: {file: bad.txt}}]\n"
    ssh = 'protocol: tcp, destination_port: 22, action: allow, source: "@bad"'
    text = alias + rules(f"{{id: r-bad, from: guest, to: lan, {ssh}}}")
    firewall.apply(rules=text)
    with lab.lan.serving(22):
        assert not lab.guest.reaches(lab.lan.ipv4, 22)
        own.write_text(f"{lab.guest.ipv4}\n")
        (shown,) = firewall.verbs.list_sources(cast(Any, None), Nothing()).sources
        assert shown.fault is None
        firewall.feature.refresh_if_due()
        assert lab.guest.reaches(lab.lan.ipv4, 22)
        own.write_text("<html>\n")
    for config in (load({}).config, load({}).config, firewall.config):
        earlier = Earlier((links(firewall.config, set()), openings(firewall.config)))
        found = firewall.feature.plan(config, firewall.feature.facts(), earlier)
    assert firewall.running is not None
    assert [name for name, _ in found.faults] == ["bad"]
    before = [one.addresses for one in firewall.running.held]
    assert [one.addresses for one in found.held] == before, "a draft without the alias leaves what it held"
