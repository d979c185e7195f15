# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on zones: what they list and edit, and that a zone in use is not taken away."""

from __future__ import annotations

from typing import Any, cast

import pytest

from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import InvalidConfiguration, NotFound
from patronus.core.items import RemoveItem
from patronus.core.verb import Nothing, Role
from patronus.firewall.verbs.zones import AddZone, ReplaceZone, SetZoneDefault, SetZonePair, ZoneVerbs
from tests.golden.case import load
from tests.unit.firewall.test_verbs import CALLER, Engine

FILES = {
    "network/interfaces.yaml": """interfaces:
  - {id: lan, match: {mac: "52:54:00:00:00:02"}, zone: lan}
""",
    "firewall/zones.yaml": """zones:
  - {id: wan}
  - {id: lan, to: {wan: allow, self: allow, lan: drop}}
  - {id: guest, self_services: []}
  - {id: idle}
""",
    "firewall/rules.yaml": "rules: [{id: r-1, name: no mail, from: {zone: guest}, to: wan, action: drop}]\n",
    "firewall/nat.yaml": "nat: [{id: n-1, type: masquerade, out: wan}]\n",
    "firewall/protection.yaml": "bogons: {enabled: true, zones: [wan]}\n",
    "firewall/tests.yaml": """tests:
  - {id: t-1, from: guest, to: wan, protocol: tcp, destination_port: 25, expect: drop}
""",
}


@pytest.fixture
def engine() -> Engine:
    return Engine(load(FILES).config)


@pytest.fixture
def verbs(engine: Engine) -> ZoneVerbs:
    return ZoneVerbs(cast(Any, engine), lambda zone: ("eth1",) if zone == "lan" else ())


def test_zones_are_listed_with_what_is_in_them_and_who_names_them(verbs: ZoneVerbs) -> None:
    listed = verbs.list(CALLER, Nothing())
    found = {item.id: item for item in listed.zones}
    assert (listed.default, list(found)) == ("drop", ["wan", "lan", "guest", "idle"])
    assert (found["lan"].interfaces, found["lan"].devices) == (["lan"], ["eth1"])
    assert found["guest"].zone == {"id": "guest", "self_services": []}
    assert [(use.section, use.id, use.key) for use in found["wan"].used_by] == [
        ("firewall/zones", "lan", "to.wan"),
        ("firewall/rules", "r-1", "to"),
        ("firewall/nat", "n-1", "out"),
        ("firewall/protection", "bogons", "bogons.zones"),
        ("firewall/tests", "t-1", "to"),
    ]
    assert [use.id for use in found["lan"].used_by] == ["lan"], "its own pair is no use by others"
    assert found["idle"].used_by == []


def test_a_zone_is_added_replaced_and_removed(verbs: ZoneVerbs, engine: Engine) -> None:
    report = verbs.add(CALLER, AddZone(zone={"id": "dmz", "to": {"wan": "allow"}}))
    verbs.replace(CALLER, ReplaceZone(id="guest", zone={"to": {"wan": "allow"}}))
    verbs.remove(CALLER, RemoveItem(id="idle"))
    assert report.id == "dmz"
    assert [edits for edits, _ in engine.submitted] == [
        [Insert("firewall/zones", ("zones",), {"id": "dmz", "to": {"wan": "allow"}})],
        [Replace("firewall/zones", ("zones", "guest"), {"to": {"wan": "allow"}, "id": "guest"})],
        [Remove("firewall/zones", ("zones", "idle"))],
    ]


def test_a_zone_that_is_named_stays_and_each_place_is_said(verbs: ZoneVerbs, engine: Engine) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        verbs.remove(CALLER, RemoveItem(id="guest"))
    assert [problem.render() for problem in refused.value.problems] == [
        "firewall/rules.yaml:1 rules[0].from: the rule no mail names the zone guest, so it stays; "
        "change it there first",
        "firewall/tests.yaml:2 tests[0].from: the expectation t-1 names the zone guest, so it stays; "
        "change it there first",
    ]
    with pytest.raises(InvalidConfiguration, match="the interface lan names the zone lan"):
        verbs.remove(CALLER, RemoveItem(id="lan"))
    with pytest.raises(NotFound, match="no zone is called dmz"):
        verbs.remove(CALLER, RemoveItem(id="dmz"))
    assert engine.submitted == []


def test_one_pair_is_said_changed_and_left_to_the_default(verbs: ZoneVerbs, engine: Engine) -> None:
    verbs.set_pair(CALLER, SetZonePair(id="lan", to="guest", action="reject"))
    verbs.set_pair(CALLER, SetZonePair(id="guest", to="self", action="drop"))
    verbs.set_pair(CALLER, SetZonePair(id="lan", to="wan"))
    verbs.set_default(CALLER, SetZoneDefault(default="reject"))
    at = "firewall/zones"
    assert engine.submitted == [
        ([Replace(at, ("zones", "lan", "to", "guest"), "reject")], "from lan to guest: reject"),
        ([Replace(at, ("zones", "guest", "to"), {"self": "drop"})], "from guest to self: drop"),
        ([Remove(at, ("zones", "lan", "to", "wan"))], "from lan to wan: the default"),
        ([Replace(at, ("default",), "reject")], "between zones: reject"),
    ]
    with pytest.raises(NotFound, match="no zone is called dmz"):
        verbs.set_pair(CALLER, SetZonePair(id="dmz", to="wan", action="allow"))


def test_operators_change_zones_and_all_may_look(verbs: ZoneVerbs) -> None:
    for verb in verbs.verbs():
        assert verb.changes == (verb.name != "firewall.ListZones")
        assert verb.role is (Role.OPERATOR if verb.changes else Role.VIEWER)
