# SPDX-License-Identifier: GPL-2.0-or-later
"""A translator: what is refused, which links and routes it has, and what tayga is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from patronus.core.feature import Earlier
from patronus.core.model import Configuration
from patronus.core.problem import render_path
from patronus.core.verb import Caller, Nothing, Role
from patronus.kernel.host import Host
from patronus.kernel.unit_list import allowed
from patronus.network.interfaces.check import check
from patronus.network.interfaces.model import Interfaces
from patronus.network.interfaces.plan import Facts, build
from patronus.network.interfaces.script import can_say
from patronus.network.nat64.plan import plan
from patronus.network.nat64.service import SERVICE, Nat64Feature

LAN = {
    "id": "lan",
    "match": {"mac": "52:54:00:00:00:02"},
    "zone": "lan",
    "ipv4": {"method": "static", "addresses": ["192.168.1.1/24"]},
    "ipv6": {"method": "static", "addresses": ["fd00:1::1/64"]},
}
POOL = "192.168.255.0/24"


def translator(**more: Any) -> dict[str, Any]:
    return {"id": "nat64", "nat64": {"pool": POOL}, "zone": "nat64", **more}


def model(*items: dict[str, Any]) -> Interfaces:
    return Interfaces.model_validate({"interfaces": [LAN, *items]})


def problems(*items: dict[str, Any]) -> dict[str, str]:
    return {render_path(one.path): one.message for one in check(model(*items))}


def test_one_in_a_zone_of_its_own_is_well() -> None:
    assert problems(translator()) == {}


@pytest.mark.parametrize(
    ("item", "path", "message"),
    [
        (translator(zone=None), "zone", "in no zone"),
        (translator(zone="lan"), "zone", "taken for hosts of lan"),
        (translator(nat64={"pool": "192.168.0.0/16"}), "nat64.pool", "192.168.1.0/24 of lan"),
        (translator(nat64={"pool": "192.168.255.0/30"}), "nat64.pool", "too few"),
        (translator(nat64={"pool": "198.50.100.0/24"}), "nat64.pool", "somebody's"),
        (translator(nat64={"pool": POOL, "prefix": "fd00:1::/48"}), "nat64.prefix", "fd00:1::/64 of lan"),
        (translator(ipv4={"method": "dhcp"}), "ipv4.method", "and no others"),
    ],
)
def test_what_is_not_is_named_by_its_place(item: dict[str, Any], path: str, message: str) -> None:
    found = problems(item)
    assert list(found) == [f"interfaces[1].{path}"]
    assert message in found[f"interfaces[1].{path}"]


def test_there_is_one_at_most_and_its_pool_is_of_ipv4() -> None:
    second = {**translator(zone="other"), "id": "second"}
    assert problems(translator(), second) == {"interfaces[2].nat64": "nat64 translates already"}
    with pytest.raises(ValueError, match="is IPv6"):
        model(translator(nat64={"pool": "fd00::/64"}))


@pytest.mark.parametrize(
    ("prefix", "routes"),
    [
        ("64:ff9b::/96", [POOL, "64:ff9b::/96", "fd64:ff9b::c0a8:ff01/128"]),
        ("fd00:64::/96", [POOL, "fd00:64::/96"]),
    ],
)
def test_its_link_is_made_and_its_networks_lead_there(prefix: str, routes: list[str]) -> None:
    found = build(model(translator(nat64={"pool": POOL, "prefix": prefix})), Facts())
    assert [(link.name, link.kind) for link in found.links] == [("nat64", "nat64")]
    assert [str(route.destination) for route in found.routes if route.device == "nat64"] == routes
    assert not can_say(found)


@pytest.mark.parametrize(
    ("prefix", "own"), [("64:ff9b::/96", "ipv6-addr fd64:ff9b::c0a8:ff01\n"), ("fd00:64::/96", "")]
)
def test_tayga_is_told_what_it_takes(prefix: str, own: str) -> None:
    items = model(translator(nat64={"pool": POOL, "prefix": prefix}))
    found = plan(Configuration({"network/interfaces": items}), build(items, Facts()))
    assert found.text == (
        f"# Written by patronusd.\ntun-device nat64\nipv4-addr 192.168.255.1\n{own}"
        f"prefix {prefix}\ndynamic-pool {POOL}\ndata-dir /run/patronus-tayga\n"
    )


def test_an_image_without_a_translator_refuses_it_and_one_with_it_says_who_is_who(tmp_path: Path) -> None:
    units = SimpleNamespace(restart=lambda _: None, status=lambda _: SimpleNamespace(running=True))
    places = SimpleNamespace(nat64=tmp_path / "tayga.conf", tayga=tmp_path)
    host = cast(Host, cast(Any, SimpleNamespace(units=units, places=places)))
    items = model(translator())
    config = Configuration({"network/interfaces": items})
    (problem,) = Nat64Feature(host, tmp_path / "none").check(config)
    assert (render_path(problem.path), problem.message) == (
        "interfaces[1].nat64",
        "this image has no translator",
    )
    (tmp_path / "tayga").touch()
    feature = Nat64Feature(host, tmp_path / "tayga")
    assert list(feature.check(config)) == []
    wanted = feature.plan(config, None, Earlier((build(items, Facts()),)))
    for step in feature.steps(wanted, None):
        step.do()
    assert list(feature.steps(wanted, wanted)) == []
    (tmp_path / "dynamic.map").write_text("###\n192.168.255.9\tfd00:1::9\t7\n192.168.255.2\tfd00:1::2\t7\n")
    found = feature.status(Caller("root", Role.ADMIN), Nothing())
    assert (found.running, found.interface, found.prefix, found.pool) == (True, "nat64", "64:ff9b::/96", POOL)
    assert [(one.ipv6, one.ipv4) for one in found.hosts] == [
        ("fd00:1::2", "192.168.255.2"),
        ("fd00:1::9", "192.168.255.9"),
    ]


def test_patronusd_may_start_and_stop_it() -> None:
    assert all(allowed(verb, SERVICE) for verb in ("restart", "stop", "status"))
