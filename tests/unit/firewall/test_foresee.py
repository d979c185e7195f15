# SPDX-License-Identifier: GPL-2.0-or-later
"""Before a commit: what the committer, the clients and the open connections would lose."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from patronus.core.connection import Tracked
from patronus.core.feature import Consequence, Earlier, Plan
from patronus.core.link import Address
from patronus.firewall.judge.foresee import World, foresee
from patronus.firewall.plan import FirewallPlan, plan
from patronus.firewall.resolve.configuration import FirewallFacts
from patronus.network.opening import Opening
from tests.golden.case import links, load
from tests.unit.firewall.test_flows import INTERFACES, OUT, connection, device_of, rule

ZONES = "zones: [{id: wan}, {id: lan, to: {wan: allow}}]\n"
OPEN = "zones: [{id: wan}, {id: lan, to: {wan: allow, self: allow}}]\n"
OPENINGS = (
    Opening("lan", "tcp", (443,), "web"),
    Opening("lan", "udp", (67,), "dhcp"),
    Opening("lan", "udp", (53,), "dns"),
)
ADDRESSES = (Address("lan", ip_interface("192.168.1.1/24")), Address("wan", ip_interface("198.51.100.2/24")))
SESSION = Tracked(replace(connection("192.168.1.9", "192.168.1.1", 443).connection, key=b"session"))
VISITOR = ip_address("192.168.1.9")


def planned(
    rules: str = "rules: []", zones: str = ZONES, openings: tuple[Opening, ...] = OPENINGS
) -> FirewallPlan:
    files = {
        "network/interfaces.yaml": INTERFACES,
        "firewall/zones.yaml": zones,
        "firewall/rules.yaml": rules,
    }
    loaded = load(files)
    assert loaded.problems == ()
    return plan(
        loaded.config,
        FirewallFacts(blocked=(), now_s=0.0),
        Earlier((links(loaded.config, set()), Plan(openings))),
    )


def seen(
    after: FirewallPlan, running: FirewallPlan, *flows: Tracked, visitor: bool = True
) -> list[Consequence]:
    return list(foresee(after, running, World(flows, ADDRESSES, device_of), VISITOR if visitor else None))


def broken(found: list[Consequence]) -> list[str]:
    return [one.what for one in found if not one.works]


def test_a_change_of_nothing_that_matters_breaks_nothing() -> None:
    now = planned()
    found = seen(planned(rule("from: wan, to: lan, protocol: udp, action: drop")), now, SESSION, OUT)
    assert broken(found) == [] and [one.kind for one in found] == ["session", *["service"] * 3]
    assert [one.what for one in found[1:]] == ["web for lan", "dhcp for lan", "dns for lan over udp"]


@pytest.mark.parametrize("tracked", [True, False])
def test_a_rule_against_the_committer_is_foreseen(*, tracked: bool) -> None:
    after = planned(rule("from: lan, to: self, source: 192.168.1.9, action: drop"))
    (session, *rest) = seen(after, planned(), *([SESSION] if tracked else []))
    assert (session.kind, session.works) == ("session", False) and broken(rest) == []
    assert (session.before, session.after) == ("allowed by opening/web", "dropped by rule/r-1")
    assert session.packet is not None
    assert (session.packet["source"], session.packet["destination_port"]) == ("192.168.1.9", 443)


def test_who_sits_at_the_machine_has_no_session_to_lose() -> None:
    after = planned(rule("from: lan, to: self, protocol: tcp, action: drop"))
    found = seen(after, planned(), SESSION, visitor=False)
    assert "session" not in {one.kind for one in found}
    assert broken(found) == ["web for lan", "tcp 192.168.1.9:40000 to 192.168.1.1:443"]


@pytest.mark.parametrize(
    ("protocol", "port", "service"),
    [("udp", 67, "dhcp for lan"), ("udp", 53, "dns for lan over udp"), ("tcp", 443, "web for lan")],
)
def test_a_service_that_a_rule_closes_is_named(protocol: str, port: int, service: str) -> None:
    text = rule(f"from: lan, to: self, protocol: {protocol}, destination_port: {port}, action: reject")
    found = seen(planned(text), planned(), visitor=False)
    assert broken(found) == [service]
    (one,) = (one for one in found if not one.works)
    assert one.after == "rejected by rule/r-1"


def test_a_service_that_is_switched_off_is_named_though_its_packets_would_pass() -> None:
    found = seen(planned(zones=OPEN, openings=OPENINGS[:2]), planned(zones=OPEN), visitor=False)
    (gone,) = (one for one in found if not one.works)
    assert (gone.what, gone.after) == ("dns for lan over udp", "not offered any more")


def test_a_new_service_and_one_that_never_worked_are_no_loss() -> None:
    assert broken(seen(planned(), planned(openings=OPENINGS[:1]), visitor=False)) == []
    closed = planned(rule("from: lan, to: self, protocol: udp, action: drop"))
    assert broken(seen(closed, closed, visitor=False)) == []


def test_open_connections_that_would_stop_or_be_allowed_again_are_named() -> None:
    deny = planned(rule("from: lan, to: wan, protocol: tcp, destination_port: 443, action: drop"))
    other = connection("192.168.1.9", "198.51.100.9", 80)
    (flow,) = [one for one in seen(deny, planned(), OUT, other, visitor=False) if one.kind == "flow"]
    assert (flow.what, flow.works) == ("tcp 192.168.1.9:40000 to 198.51.100.9:443", False)
    assert (flow.before, flow.after) == ("allowed by pair/lan/wan", "dropped by rule/r-1")
    assert flow.packet == {
        "arrives_on": "lan", "source": "192.168.1.9", "destination": "198.51.100.9", "protocol": "tcp",
        "source_port": 40000, "destination_port": 443,
    }  # fmt: skip
    (back,) = [one for one in seen(planned(), deny, OUT, visitor=False) if one.kind == "flow"]
    assert back.works and back.after == "allowed by pair/lan/wan"


def test_very_many_connections_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patronus.firewall.judge.foresee.FLOWS", 2)
    deny = planned(rule("from: lan, to: wan, action: drop"))
    first = OUT.connection
    flows = [
        Tracked(replace(first, original=replace(first.original, source_port=port))) for port in range(1, 6)
    ]
    found = [one for one in seen(deny, planned(), *flows, visitor=False) if one.kind == "flow"]
    assert [one.what for one in found][2:] == ["3 more open connections"]
