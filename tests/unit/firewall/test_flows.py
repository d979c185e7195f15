# SPDX-License-Identifier: GPL-2.0-or-later
"""Which connections end: those that are certain not to be allowed, and no other."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from patronus.core.connection import Connection, Tracked, Way
from patronus.core.link import RouteQuery
from patronus.firewall.judge.verdict import Packet, judge
from patronus.firewall.judge.way import query_of
from patronus.firewall.policy import Policy
from patronus.firewall.tracking.flows import came_in_by, forbidden
from tests.golden.case import load, plan_for

INTERFACES = """
interfaces:
  - {id: wan, match: {path: a}, zone: wan, ipv4: {method: static, addresses: [198.51.100.2/24]}}
  - {id: lan, match: {path: b}, zone: lan, ipv4: {method: static, addresses: [192.168.1.1/24]}}
"""
ZONES = "zones: [{id: wan}, {id: lan, to: {wan: allow}}]\n"
FORWARD = "nat: [{id: n-1, type: dnat, in: wan, destination_port: 8022, to: '192.168.1.30:22'}]\n"
TCP, UDP = 6, 17


def policy(**files: str) -> Policy:
    texts = {"network/interfaces.yaml": INTERFACES, "firewall/zones.yaml": ZONES}
    loaded = load(texts | {f"firewall/{name}.yaml": text for name, text in files.items()})
    assert loaded.problems == ()
    return plan_for(loaded.config, {}).policy


def device_of(query: RouteQuery) -> str | None:
    address = query.destination
    if str(address) in ("198.51.100.2", "192.168.1.1"):
        return None
    if str(address).startswith("192.168.1."):
        return "lan"
    if str(address).startswith("198.51.100."):
        return "wan"
    raise LookupError(str(address))


def route(packet: Packet) -> str | None:
    return device_of(query_of(packet))


def connection(
    source: str, destination: str, port: int, *, really: str | None = None, to: int = 0
) -> Tracked:
    way = Way(ip_address(source), ip_address(destination), TCP, 40000, port)
    back = Way(ip_address(really or destination), way.source, TCP, to or port, 40000)
    return Tracked(Connection(way, back, translated=really is not None))


OUT = connection("192.168.1.9", "198.51.100.9", 443)
IN = connection("198.51.100.9", "192.168.1.9", 443)


def rule(text: str) -> str:
    return f"rules:\n  - {{id: r-1, {text}}}\n"


@pytest.mark.parametrize(
    ("rules", "flow", "ends"),
    [
        ("", OUT, False),
        ("", IN, True),
        (rule("from: wan, to: lan, action: allow"), IN, False),
        (rule("from: wan, to: lan, action: allow, limit: {rate: 1/s}"), IN, False),
        (rule('from: {zone: wan, mac: "52:54:00:00:00:01"}, to: lan, action: allow'), IN, False),
        (rule("from: wan, to: lan, action: queue, queue: {numbers: 0}"), IN, False),
        (rule("from: lan, source: 192.168.1.9, action: drop"), OUT, True),
        (rule("from: lan, source: 192.168.1.8, action: drop"), OUT, False),
        (rule("from: lan, action: reject"), OUT, True),
        (rule('from: {zone: lan, mac: "52:54:00:00:00:01"}, action: drop'), OUT, False),
        ("", Tracked(replace(IN.connection, expected=True)), False),
        ("", connection("203.0.113.1", "192.168.1.9", 443), False),
        ("", connection("198.51.100.2", "198.51.100.9", 443), False),
    ],
)
def test_rules_decide(rules: str, flow: Tracked, ends: bool) -> None:
    assert forbidden(policy(**({"rules": rules} if rules else {})), flow, device_of) is ends


def test_a_block_ends_connections_in_both_directions() -> None:
    blocked = policy(blocklist="prefixes: [{id: b-1, prefix: 198.51.100.9}]\n")
    assert forbidden(blocked, OUT, device_of)
    assert forbidden(blocked, IN, device_of)
    assert not forbidden(blocked, connection("192.168.1.9", "198.51.100.10", 443), device_of)


def test_a_forward_ends_with_its_entry_and_when_it_points_elsewhere() -> None:
    flow = connection("198.51.100.9", "198.51.100.2", 8022, really="192.168.1.30", to=22)
    assert not forbidden(policy(nat=FORWARD), flow, device_of)
    assert forbidden(policy(), flow, device_of)
    assert forbidden(policy(nat=FORWARD.replace("1.30", "1.31")), flow, device_of)
    assert forbidden(policy(nat=FORWARD, rules=rule("from: wan, action: drop")), flow, device_of)


def test_a_decision_names_what_decided() -> None:
    found = policy(nat=FORWARD, rules=rule("from: lan, to: wan, protocol: udp, action: drop"))
    out = Packet("lan", ip_address("192.168.1.9"), ip_address("198.51.100.9"), UDP, None, 40000, 53)
    assert judge(found, out, route).origin == "rule/r-1"
    assert judge(found, replace(out, protocol=TCP), route).origin == "pair/lan/wan"
    asked = Packet("wan", ip_address("198.51.100.9"), ip_address("198.51.100.2"), TCP, None, 40000, 8022)
    decision = judge(found, asked, route)
    assert (decision.action, decision.origin) == ("allow", "nat/n-1")
    assert decision.forward is not None
    assert str(decision.forward.inner) == "192.168.1.30/32"
    unknown = judge(found, replace(out, arrives_on="docker0"), route)
    assert (unknown.action, unknown.origin) == ("drop", "default")


@pytest.mark.parametrize(("mark", "came_by"), [(0x01000000, "wan"), (0x02000010, "spare"), (0, "wan")])
def test_a_connection_from_outside_came_in_by_the_uplink_that_its_mark_names(mark: int, came_by: str) -> None:
    """Its answers leave by that uplink; what comes in by one has not its mark there, or it would go back."""
    uplinks = {"wan": 1, "spare": 2}
    tables = {1: "wan", 2: "spare"}

    def device(query: RouteQuery) -> str | None:
        found = device_of(query)
        return tables.get(query.mark >> 24, "wan") if query.mark >> 24 or found == "wan" else found

    found = replace(policy(), uplinks=uplinks)
    flow = Tracked(IN.connection, mark=mark)
    assert came_in_by(found, flow, device) == came_by
    assert came_in_by(found, Tracked(OUT.connection, mark=mark), device) == "lan"
