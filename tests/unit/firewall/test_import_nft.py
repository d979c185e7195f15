# SPDX-License-Identifier: GPL-2.0-or-later
"""Rulesets of nftables in our words: what is kept, what is named, and what a hostile file can do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from patronus.core.errors import InvalidRequest
from patronus.firewall.importing.iptables import Import
from patronus.firewall.importing.nft import SECOND, imported_nft
from patronus.firewall.verbs.importing import ImportRules, kind_of
from tests.unit.firewall.test_import import NAMES, SAVED

TABLE = {"family": "inet", "table": "t"}
SSH = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}
DROP: dict[str, Any] = {"drop": None}
ACCEPT: dict[str, Any] = {"accept": None}


def chain(name: str, hook: str | None = None, priority: int = 0, **more: Any) -> dict[str, Any]:
    base = {"type": "filter", "hook": hook, "prio": priority, "policy": "accept"} if hook else {}
    return {"chain": {**TABLE, "name": name, "handle": 1, **base, **more}}


def rule(name: str, *expr: Any, handle: int = 7, **more: Any) -> dict[str, Any]:
    return {"rule": {**TABLE, "chain": name, "handle": handle, "expr": list(expr), **more}}


def read(*entries: dict[str, Any]) -> Import:
    return imported_nft(json.dumps({"nftables": list(entries)}), NAMES)


def match(left: dict[str, Any], right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def meta(key: str) -> dict[str, Any]:
    return {"meta": {"key": key}}


def field(protocol: str, name: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": name}}


def only(*expr: Any) -> list[dict[str, Any]]:
    """Return what one rule of an input chain comes to, without what all imported ones say."""
    found = read(chain("in", "input"), rule("in", *expr))
    assert all("taken for first packets" in one.reason for one in found.left), found.left
    return [
        {key: value for key, value in one.items() if key not in ("id", "group", "to")}
        for one in found.rules
        if one["id"].startswith("import-7")
    ]


def test_the_ruleset_of_a_home_router_is_kept_but_for_what_has_no_words() -> None:
    found = imported_nft((SAVED / "home.json").read_text(), NAMES)
    assert [(one.line, one.text.partition(":")[0]) for one in found.left] == [
        (2, "bridge/b/forward"), (2, "inet late forward"), (2, "inet nat postrouting"),
        (3, "ip nat prerouting"), (9, "inet filter early"), (18, "inet filter input"),
        (33, "inet filter forward"), (36, "inet filter forward"), (43, "inet filter output"),
    ]  # fmt: skip
    rules = {one["id"]: one for one in found.rules}
    assert rules["import-19"]["log"] == {"prefix": "knock"}
    assert rules["import-17"]["source"] == ["10.10.0.50/31", "198.51.100.9"]
    assert "source" not in rules["import-42"], "what both families meet is one rule"
    assert rules["import-30"]["source"] == "0.0.0.0/0"
    assert [(one["type"], one.get("family")) for one in found.nat] == [("dnat", None), ("masquerade", "both")]


@pytest.mark.parametrize(
    ("expr", "says"),
    [
        ([SSH, ACCEPT], {"protocol": "tcp", "destination_port": 22, "action": "allow"}),
        ([match(meta("l4proto"), 47), DROP], {"protocol": "gre", "action": "drop"}),
        ([match(meta("nfproto"), "ipv6"), DROP], {"source": "::/0", "action": "drop"}),
        ([match(meta("nfproto"), "ipv6", "!="), DROP], {"source": "0.0.0.0/0", "action": "drop"}),
        ([match(field("ip", "dscp"), "ef"), DROP], {"source": "0.0.0.0/0", "dscp": "ef", "action": "drop"}),
        ([match(field("tcp", "flags"), "syn", "in"), DROP],
         {"protocol": "tcp", "tcp_flags": ["syn"], "action": "drop"}),
        ([match(field("ether", "saddr"), "52:54:00:00:00:01"), DROP],
         {"from": {"mac": "52:54:00:00:00:01"}, "action": "drop"}),
        ([{"limit": {"rate": 3, "per": "minute"}}, ACCEPT],
         {"limit": {"rate": "3/m", "burst": 5}, "action": "allow"}),
        ([{"limit": {"rate": 3, "per": "second", "burst": 2, "inv": True}}, DROP],
         {"limit": {"rate": "3/s", "burst": 2, "over": True}, "action": "drop"}),
        ([{"ct count": {"val": 9}}, ACCEPT], {"connections": {"most": 9}, "action": "allow"}),
        ([{"ct count": {"val": 9, "inv": True}}, DROP],
         {"connections": {"most": 9, "over": True}, "action": "drop"}),
        ([{"log": {"prefix": "seen"}}], {"action": "log", "log": {"prefix": "seen"}}),
        ([{"log": None}, DROP], {"action": "drop", "log": True}),
        ([SSH, {"queue": {"num": 3}}],
         {"protocol": "tcp", "destination_port": 22, "action": "queue", "queue": {"numbers": 3}}),
        ([{"queue": {"num": {"range": [0, 3]}, "flags": ["bypass", "fanout"]}}],
         {"action": "queue", "queue": {"numbers": "0-3", "bypass": True, "fanout": True}}),
        ([{"queue": {"num": 0, "flags": "bypass"}}],
         {"action": "queue", "queue": {"numbers": 0, "bypass": True}}),
        ([SSH, {"counter": {}}], {"protocol": "tcp", "destination_port": 22, "action": "count"}),
        ([{"reject": {"type": "icmpv6", "expr": "no-route"}}],
         {"source": "::/0", "action": "reject", "reject_with": "no-route"}),
        ([match({"ct": {"key": "state"}}, ["established", "related"], "!="), SSH, ACCEPT],
         {"protocol": "tcp", "destination_port": 22, "action": "allow"}),
    ],
)  # fmt: skip
def test_a_rule_in_our_words(expr: list[Any], says: dict[str, Any]) -> None:
    assert only(*expr) == [says]


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ([match(meta("skuid"), 0), DROP], "a match of meta skuid has no word here"),
        ([match(field("ip", "saddr"), "@gone"), DROP], "the set @gone is filled by packets, or not in the"),
        ([{"quota": {"val": 1}}, DROP], "quota has no word here"),
        ([{"queue": {"num": {"range": [0, 256]}}}], "0-256 are 257 queues"),
        ([match(meta("iifname"), "eth9"), DROP], "eth9 is no interface of this router"),
        ([match(field("ip", "saddr"), {"map": {}}), DROP], "is no value that can be kept"),
        ([{"match": {}}, DROP], "it is not written as nft -j lists rules"),
        ([["drop"]], "it is not written as nft -j lists rules"),
        ([DROP, SSH], "match behind a verdict has no word here"),
    ],
)
def test_what_has_no_words_is_named_by_its_handle(expr: list[Any], reason: str) -> None:
    found = read(chain("in", "input"), rule("in", *expr))
    (left,) = found.left
    assert left.line == 7
    assert reason in left.reason
    assert left.text.startswith("inet t in: ")
    assert not [one for one in found.rules if one["id"].startswith("import-7")]


def test_chains_of_one_place_are_one_list_as_long_as_none_of_them_lets_anything_go_on() -> None:
    first, last = chain("a", "input", -10), chain("z", "input", 10, policy="drop")
    stops = read(last, first, rule("a", SSH, DROP, handle=8), rule("z", ACCEPT, handle=9))
    assert [one["id"] for one in stops.rules] == ["import-8", "import-9", "import-1"]
    lets = read(last, first, rule("a", SSH, ACCEPT, handle=8), rule("z", DROP, handle=9))
    assert [one["id"] for one in lets.rules] == ["import-8", "import-1"]
    assert [(one.line, one.reason) for one in lets.left] == [(9, SECOND)]


def test_a_return_leaves_one_of_several_chains_of_a_place_alone() -> None:
    first, last = chain("a", "input", -10), chain("z", "input", 10, policy="drop")
    back = rule("a", match(field("ip", "saddr"), "192.0.2.1"), {"return": None}, handle=8)
    found = read(first, last, back, rule("a", DROP, handle=9), rule("z", ACCEPT, handle=10))
    assert [(one["id"], one.get("source")) for one in found.rules] == [
        ("import-9", ["0.0.0.0-192.0.2.0", "192.0.2.2-255.255.255.255"]),
        ("import-9-2", "::/0"),
        ("import-10", None),
        ("import-1", None),
    ]


def test_a_limit_that_has_a_name_is_named() -> None:
    found = read(chain("in", "input"), rule("in", {"limit": "slow"}, ACCEPT))
    assert [one.reason for one in found.left] == ["the limit slow, which others share, has no word here"]


def test_where_packets_come_in_is_no_source_of_a_translation() -> None:
    found = read(
        chain("post", "postrouting", type="nat"),
        rule("post", match(meta("iifname"), "eth1"), match(meta("oifname"), "eth0"), {"masquerade": None}),
    )
    assert (found.nat, ["where they come in" in one.reason for one in found.left]) == ([], [True])


def test_what_stands_behind_a_jump_that_is_not_kept_is_named() -> None:
    jump = rule("in", match(meta("skuid"), 0), {"jump": {"target": "more"}})
    found = read(chain("in", "input"), chain("more"), jump, rule("more", DROP, handle=8))
    assert [one.line for one in found.left] == [7, 8]


def test_a_chain_with_the_name_of_a_verdict_is_a_chain() -> None:
    """Its rule drops; taken for the verdict it would let everything in."""
    jump = rule("in", {"jump": {"target": "ACCEPT"}})
    found = read(chain("in", "input"), chain("ACCEPT"), jump, rule("ACCEPT", DROP, handle=8))
    assert [one["action"] for one in found.rules if one["id"] == "import-8"] == ["drop"]
    assert not [one for one in found.rules if one["id"] == "import-7"]


def test_words_of_a_hostile_comment_stay_words() -> None:
    found = read(chain("in", "input"), rule("in", SSH, DROP, comment="-j"), rule("in", DROP, comment="x\n-j"))
    assert {one["action"] for one in found.rules if one["id"].startswith("import-7")} == {"drop"}


@pytest.mark.parametrize(
    "text",
    [
        '{"nftables": [{"rule": {"family": "ip", "table": "t", "chain": "c", "handle": Infinity}}]}',
        "{",
        "{}",
        '{"nftables": 3}',
        '{"nftables": [{"rule": {}}]}',
        '{"nftables": [[]]}',
        "[" * 99999,
    ],
)
def test_what_is_no_ruleset_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="nft -j list ruleset"):
        imported_nft(text, NAMES)


def test_a_file_is_known_by_how_it_looks() -> None:
    assert kind_of(ImportRules(text='{"nftables": []}')) == "nftables"
    assert kind_of(ImportRules(text="*filter\n:INPUT DROP [0:0]")) == "iptables"
    assert kind_of(ImportRules(text="{", format="iptables")) == "iptables"
    script = "#!/usr/sbin/nft -f\n"
    for line in (
        "table inet filter {\n}", "flush ruleset", "define wan = eth0", 'include "/etc/nftables.d/*.nft"',
        "add rule inet filter input tcp dport 22 accept", "nft add table inet filter",
    ):  # fmt: skip
        with pytest.raises(InvalidRequest, match="nft -j list ruleset > rules.json"):
            kind_of(ImportRules(text=f"{script}{line}"))
