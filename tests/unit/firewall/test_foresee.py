# SPDX-License-Identifier: GPL-2.0-or-later
"""Before a commit: what the committer, the clients and the open connections would lose."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from patronus.core.connection import Tracked
from patronus.core.feature import Consequence, Earlier, Plan
from patronus.core.fib import Fib, FibRule
from patronus.core.link import Address, Hop, Link, Nic, RouteQuery
from patronus.firewall.judge.foresee import World, foresee
from patronus.firewall.plan import FirewallPlan, plan
from patronus.firewall.resolve.configuration import FirewallFacts
from patronus.network.interfaces.plan import Facts, InterfacesPlan, of_configuration
from patronus.network.opening import Opening
from patronus.network.routing.foreseen import foreseen
from patronus.network.routing.link_twin import LinkTwin
from patronus.network.routing.outlook import Outlook
from patronus.network.uplinks.plan import plan as plan_routing
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


def test_a_page_elsewhere_is_not_the_committers_session() -> None:
    elsewhere = Tracked(replace(OUT.connection, key=b"elsewhere"))
    closed = planned(rule("from: lan, to: self, source: 192.168.1.9, action: drop"))
    found = seen(closed, planned(), elsewhere, SESSION)
    assert broken(found) == ["your session from 192.168.1.9"]


def test_very_many_connections_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patronus.firewall.judge.foresee.FLOWS", 2)
    deny = planned(rule("from: lan, to: wan, action: drop"))
    first = OUT.connection
    flows = [
        Tracked(replace(first, original=replace(first.original, source_port=port))) for port in range(1, 6)
    ]
    found = [one for one in seen(deny, planned(), *flows, visitor=False) if one.kind == "flow"]
    assert [one.what for one in found][2:] == ["3 more open connections"]


# -- with other links, addresses and routes

OTHER = """
  - {id: guest, vlan: {parent: lan, tag: 20}, zone: lan, ipv4: {method: static, addresses: [10.20.0.1/24]}}
"""
RETAGGED = OTHER.replace("tag: 20", "tag: 30")


def route_to(prefix: str, **more: str) -> str:
    words = ", ".join(f"{name}: {value}" for name, value in more.items())
    return f"routes: [{{id: r, destination: {prefix}, {words}}}]\n"


class Sight:
    """A router whose kernel has what its files say, and what becomes of it with others."""

    def __init__(self, interfaces: str = INTERFACES, routing: str = "routes: []\n") -> None:
        self.running = routed(interfaces, routing)
        nics = tuple(Link(name, number, up=True) for number, name in enumerate(("lan", "wan"), 1))
        self.now = foreseen(
            KERNEL, (nics, (), ()), InterfacesPlan(), self.running.links, self.running.routing
        )

    def after(self, *flows: Tracked, visitor: str | None = None, interfaces: str = INTERFACES,
              routing: str = "routes: []\n") -> list[Consequence]:  # fmt: skip
        """Return what is foreseen of other interfaces and routes."""
        plan = routed(interfaces, routing)
        twin = LinkTwin(self.now.fib.copy(), (tuple(self.now.links.values()), self.now.addresses, ()))
        coming = foreseen(self.now.fib, twin.look(), self.running.links, plan.links, plan.routing)
        outlook = Outlook(self._step, self.now.fib, self.now.links, coming)
        world = World(flows, self.now.addresses, lambda query: self._step(query).device, outlook)
        return list(foresee(plan, self.running, world, ip_address(visitor) if visitor else None))

    def _step(self, query: RouteQuery) -> Hop:
        found = self.now.fib.find(query)
        if found is None:
            raise LookupError(str(query.destination))
        return found.leads(query)


KERNEL = Fib((), [FibRule(4, 0, table=255), FibRule(4, 32766, table=254)])


def routed(interfaces: str, routing: str) -> FirewallPlan:
    """Return the plan of a router whose cards are named after their roles."""
    files = {
        "network/interfaces.yaml": interfaces, "network/routing.yaml": routing, "firewall/zones.yaml": ZONES,
        "firewall/nat.yaml": "nat: [{id: out, type: masquerade, out: wan}]\n",
    }  # fmt: skip
    loaded = load(files)
    assert loaded.problems == ()
    nics = tuple(
        Nic(name, f"52:54:00:00:00:0{number}", path)
        for number, (name, path) in enumerate((("wan", "a"), ("lan", "b")))
    )
    found = of_configuration(loaded.config, Facts(nics))
    uplinks = plan_routing(loaded.config, (), found)
    return plan(
        loaded.config, FirewallFacts(blocked=(), now_s=0.0), Earlier((found, uplinks, Plan(OPENINGS)))
    )


FAR = connection("10.9.0.7", "192.168.1.1", 443)
"""The committer, from behind a router on the LAN."""
TO_FAR = route_to("10.9.0.0/16", gateway="192.168.1.2")
MASQUERADED = Tracked(
    replace(
        (flow := connection("192.168.1.9", "203.0.113.9", 443).connection),
        reply=replace(flow.reply, destination=ip_address("198.51.100.2")),
        key=b"out",
    )
)
UPLINK = INTERFACES.replace("[198.51.100.2/24]", "[198.51.100.2/24], gateway: 198.51.100.1")


def moved(address: str) -> str:
    return INTERFACES.replace("192.168.1.1/24", address)


def lost(found: list[Consequence], kind: str = "session") -> list[str]:
    return [one.after for one in found if one.kind == kind and not one.works]


def test_a_change_of_routes_that_leads_elsewhere_breaks_nothing() -> None:
    found = Sight().after(SESSION, OUT, visitor="192.168.1.9", routing=TO_FAR)
    assert broken(found) == [] and found[0].kind == "session"


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize(
    ("routing", "words"),
    [
        ("routes: []\n", "no route leads to 10.9.0.7"),
        (
            route_to("10.9.0.0/24", gateway="198.51.100.9"),
            "10.9.0.7 is reached by 198.51.100.9 on wan, not by",
        ),
        (TO_FAR.replace("192.168.1.2", "192.168.1.3"), "10.9.0.7 is reached by 192.168.1.3 on lan, not by"),
        (route_to("10.9.0.0/16", type="blackhole"), "no route leads to 10.9.0.7"),
    ],
)
def test_who_comes_from_behind_a_router_is_told_that_the_way_back_is_lost(
    routing: str, words: str, *, tracked: bool
) -> None:
    flows = [FAR] if tracked else []
    sight = Sight(routing=TO_FAR)
    assert lost(sight.after(*flows, visitor="10.9.0.7", routing=TO_FAR)) == []
    (found,) = lost(sight.after(*flows, visitor="10.9.0.7", routing=routing))
    assert found.startswith(words)


def test_a_visitor_whose_answers_find_no_way_now_is_judged_by_the_rules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel takes no source that is not the router's, as where it has no address of their family."""
    sight = Sight()
    step = sight._step

    def only_without_a_source(query: RouteQuery) -> Hop:
        if query.source is not None:
            raise LookupError(str(query.source))
        return step(query)

    monkeypatch.setattr(sight, "_step", only_without_a_source)
    found = sight.after(visitor="192.168.1.9", routing=TO_FAR)
    assert [(one.kind, one.works) for one in found if one.kind == "session"] == [("session", True)]


@pytest.mark.parametrize("tracked", [True, False])
def test_a_route_that_shadows_the_committer_is_foreseen_with_all_of_their_flows(*, tracked: bool) -> None:
    shadow = route_to("192.168.1.0/28", gateway="198.51.100.9")
    found = Sight().after(*([SESSION] if tracked else []), OUT, visitor="192.168.1.9", routing=shadow)
    words = "192.168.1.9 is reached by 198.51.100.9 on wan, not straight on lan"
    assert lost(found) == [words] and lost(found, "flow") == [words]
    assert lost(found, "service") == [], "most of the network is where it was"


@pytest.mark.parametrize("tracked", [True, False])
def test_a_moved_address_ends_the_session_and_offers_the_services_elsewhere(*, tracked: bool) -> None:
    flows = [SESSION] if tracked else []
    found = Sight().after(*flows, visitor="192.168.1.9", interfaces=moved("192.168.2.1/24"))
    assert lost(found) == ["192.168.1.1 is not the router's any more"]
    assert lost(found, "service") == []
    wider = Sight().after(*flows, visitor="192.168.1.9", interfaces=moved("192.168.1.1/16"))
    assert broken(wider) == []
    narrower = Sight().after(*flows, visitor="192.168.1.200", interfaces=moved("192.168.1.1/25"))
    assert lost(narrower) == ["no route leads to 192.168.1.200"]


def test_a_network_that_loses_its_address_loses_its_services_but_for_dhcp() -> None:
    none = INTERFACES.replace("{method: static, addresses: [192.168.1.1/24]}", "{method: none}")
    found = Sight().after(interfaces=none)
    assert lost(found, "service") == ["the router has no address on lan any more"] * 2


@pytest.mark.parametrize(
    ("interfaces", "words"),
    [
        (INTERFACES, "10.20.0.1 is not the router's any more"),
        (
            INTERFACES + OTHER.replace("tag: 20", "tag: 30"),
            "guest is made anew, on another link or with another tag",
        ),
    ],
)
@pytest.mark.parametrize("tracked", [True, False])
def test_a_vlan_that_goes_or_moves_takes_who_comes_in_by_it_along(
    interfaces: str, words: str, *, tracked: bool
) -> None:
    sight, here = Sight(INTERFACES + OTHER), connection("10.20.0.9", "10.20.0.1", 443)
    found = sight.after(*([here] if tracked else []), visitor="10.20.0.9", interfaces=interfaces)
    assert lost(found) == [words]
    assert lost(sight.after(here, visitor="10.20.0.9", interfaces=INTERFACES + OTHER)) == []


def test_a_card_that_joins_a_bridge_takes_its_hosts_along() -> None:
    bridged = INTERFACES.replace(
        "{id: lan, match: {path: b}, zone: lan, ipv4: {method: static, addresses: [192.168.1.1/24]}}",
        "{id: port, match: {path: b}}\n  - {id: br, bridge: {members: [port]}, zone: lan,"
        " ipv4: {method: static, addresses: [192.168.1.1/24]}}",
    )
    found = Sight().after(SESSION, OUT, visitor="192.168.1.9", interfaces=bridged)
    assert bridged != INTERFACES and broken(found) == []


def test_a_translated_flow_does_not_survive_another_way_out_and_one_of_its_own_address_does() -> None:
    bare = connection("192.168.1.9", "203.0.113.9", 80)
    other = route_to("203.0.113.0/24", gateway="192.168.1.2")
    found = Sight(UPLINK).after(MASQUERADED, bare, interfaces=UPLINK, routing=other)
    assert lost(found, "flow") == [
        "it leaves by 192.168.1.2 on lan, where nobody answers to 198.51.100.2",
        "dropped by default",
    ]
    away = UPLINK.replace("198.51.100.2/24", "198.51.100.3/24")
    found = Sight(UPLINK).after(MASQUERADED, bare, interfaces=away)
    assert lost(found, "flow") == ["198.51.100.2 is not the router's any more"]
    gone = Sight(UPLINK).after(MASQUERADED, interfaces=INTERFACES)
    assert lost(gone, "flow") == ["no route leads to 203.0.113.9"]
