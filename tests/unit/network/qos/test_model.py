# SPDX-License-Identifier: GPL-2.0-or-later
"""Shapers as they are written: each mistake is located, and one number each way is enough."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.model import Configuration
from patronus.core.problem import render_path
from patronus.core.traffic import Framing
from patronus.network.interfaces.model import Interfaces
from patronus.network.qos.check import check
from patronus.network.qos.model import FRAMINGS, Qos
from patronus.network.qos.plan import plan, setups, turn_name
from patronus.network.qos.tree import Abilities, Lane

INTERFACES = [
    {"id": "wan", "match": {"mac": "52:54:00:00:00:01"}},
    {"id": "port", "match": {"mac": "52:54:00:00:00:02"}},
    {"id": "br0", "bridge": {"members": ["port"]}},
    {"id": "nowhere", "dummy": {}},
]
WAN = {"id": "wan", "download": "95mbit", "upload": "38mbit"}


def qos(*shapers: dict[str, Any]) -> Qos:
    return Qos.model_validate({"shapers": shapers})


def found(*shapers: dict[str, Any]) -> list[str]:
    interfaces = Interfaces.model_validate({"interfaces": INTERFACES})
    config = Configuration({"network/interfaces": interfaces, "network/qos": qos(*shapers)})
    return [f"{render_path(one.path)}: {one.message}" for one in check(config)]


def classed(**more: Any) -> dict[str, Any]:
    given = {"id": "voice", "guaranteed": "2mbit", "match": {"dscp": ["ef"]}, **more}
    return {**WAN, "classes": [given]}


GOOD: dict[str, dict[str, Any]] = {
    "one number each way": WAN,
    "one way alone": {"id": "wan", "upload": "64kbit"},
    "a bridge": {**WAN, "id": "br0"},
    "a class": classed(ceiling="10mbit", priority=0),
    "a class by mark": classed(match={"mark": "0x10"}),
    "a class of what arrives": classed(direction="download"),
}


@pytest.mark.parametrize("shaper", GOOD.values(), ids=GOOD.keys())
def test_good(shaper: dict[str, Any]) -> None:
    assert found(shaper) == []


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no interface": ({**WAN, "id": "x"}, "shapers[0].id: there is no interface x"),
    "a dummy": (
        {**WAN, "id": "nowhere"},
        "shapers[0].id: nowhere leads nowhere, so there is nothing to shape",
    ),
    "a member": ({**WAN, "id": "port"}, "shapers[0].id: port is a member of br0"),
    "too slow": ({**WAN, "upload": "63kbit"}, "shapers[0].upload: 63kbit cannot be shaped"),
    "too fast": ({**WAN, "download": "33gbit"}, "shapers[0].download: 33gbit cannot be shaped"),
    "all promised away": (
        classed(guaranteed="38mbit"),
        "shapers[0].upload: the classes are promised 38mbit of 38mbit",
    ),
    "a ceiling below the guarantee": (
        classed(ceiling="1mbit"),
        "shapers[0].classes[0].ceiling: voice can never have that",
    ),
    "a ceiling above the whole": (
        classed(ceiling="39mbit"),
        "shapers[0].classes[0].ceiling: voice can never have that",
    ),
    "a guarantee of nothing": (
        classed(guaranteed="1kbit"),
        "shapers[0].classes[0].guaranteed: 1kbit cannot be shaped",
    ),
    "a class of a direction that is not shaped": (
        {"id": "wan", "download": "9mbit", "classes": classed()["classes"]},
        "shapers[0].classes[0].direction: wan has no upload, so voice is a part of nothing",
    ),
    "a mark on what arrives": (
        classed(direction="download", match={"mark": 1}),
        "shapers[0].classes[0].match.mark: what arrives is shaped before the firewall gives it a mark",
    ),
}


@pytest.mark.parametrize(("shaper", "said"), BAD.values(), ids=BAD.keys())
def test_bad(shaper: dict[str, Any], said: str) -> None:
    assert found(shaper) == [said]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no number": ({"id": "wan"}, "neither download nor upload"),
    "a match of everything": (classed(match={}), "fits every packet"),
    "no unit": ({**WAN, "upload": 38}, "without a unit"),
    "an unknown link": ({**WAN, "link": "carrier-pigeon"}, "ethernet"),
    "an unknown key": ({**WAN, "down": "1mbit"}, "Extra inputs"),
}


@pytest.mark.parametrize(("shaper", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(shaper: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        qos(shaper)


def test_an_overhead_of_ones_own_goes_before_that_of_the_link() -> None:
    shaper = qos({**WAN, "link": "pppoa-llc", "overhead": -4}).shapers[0]
    assert shaper.framing == Framing(-4, 0, cells=True)
    assert qos({**WAN, "link": "docsis"}).shapers[0].framing == FRAMINGS["docsis"]


def test_a_plan_has_each_direction_on_the_device_that_there_is() -> None:
    model = qos(WAN, {**WAN, "id": "off", "enabled": False}, {"id": "away", "upload": "1mbit"})
    made = plan(model, {"wan": "eth7", "off": "eth8", "away": None})
    assert [(item.role, item.device, item.position) for item in made.shapings] == [
        ("wan", "eth7", 0),
        ("away", None, 2),
    ]
    assert made.shapings[0].download == Lane("download", 95_000_000, FRAMINGS["ethernet"])
    assert made.shapings[1].download is None
    assert [(item.device, item.turn) for item in setups(made, Abilities())] == [("eth7", "ifb-wan")]


def test_a_long_role_has_a_device_of_its_own_too() -> None:
    names = {turn_name(role) for role in ("wan", "an-uplink-of-15", "an-uplink-of-16")}
    assert len(names) == 3
    assert all(len(name) <= 15 for name in names)
