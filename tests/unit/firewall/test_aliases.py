# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on aliases: what they list and edit, and that a name in use is not taken away."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, cast

import pytest

from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import InvalidConfiguration, NotFound
from patronus.core.items import RemoveItem
from patronus.core.verb import Nothing, Role
from patronus.firewall.addresses import AddressSet
from patronus.firewall.model import Alias
from patronus.firewall.verbs.aliases import AddAlias, AliasVerbs, ReplaceAlias
from tests.golden.case import load
from tests.unit.firewall.test_verbs import CALLER, Engine

RULES = """aliases:
  - {id: admins, addresses: [192.168.1.10, 192.168.1.16/28]}
  - {id: web, ports: [80, 443]}
  - {id: bad, list: {url: "https://lists.example/bad.txt"}}
  - {id: idle, names: [nas.home.arpa]}
rules:
  - {id: r-1, from: {zone: lan, source: "@admins"}, action: allow}
  - id: r-2
    name: office
    source: "@bad"
    destination: ["@admins", 192.0.2.1]
    protocol: tcp
    destination_port: "@web"
    action: drop
"""
NAT = 'nat: [{id: n-1, type: masquerade, out: wan, source: "@admins"}]\n'


class Found:
    """What lies elsewhere, as it was found."""

    def addresses(self, alias: Alias) -> AddressSet:
        prefixes = [ip_network("203.0.113.0/24"), ip_network("2001:db8::/32")] if alias.id == "bad" else []
        return AddressSet.of(prefixes)

    def fault(self, alias: Alias) -> str | None:
        return "nobody answered" if alias.id == "idle" else None


@pytest.fixture
def engine() -> Engine:
    return Engine(load({"firewall/rules.yaml": RULES, "firewall/nat.yaml": NAT}).config)


@pytest.fixture
def verbs(engine: Engine) -> AliasVerbs:
    return AliasVerbs(cast(Any, engine), Found())


def test_aliases_are_listed_with_their_users_and_what_was_found(verbs: AliasVerbs) -> None:
    found = {item.id: item for item in verbs.list(CALLER, Nothing()).aliases}
    assert [(item.id, item.kind, item.holds) for item in found.values()] == [
        ("admins", "addresses", "addresses"),
        ("web", "ports", "ports"),
        ("bad", "list", "addresses"),
        ("idle", "names", "addresses"),
    ]
    assert found["admins"].alias == {"id": "admins", "addresses": ["192.168.1.10", "192.168.1.16/28"]}
    assert [(use.section, use.id, use.name, use.key) for use in found["admins"].used_by] == [
        ("firewall/rules", "r-1", "r-1", "from.source"),
        ("firewall/rules", "r-2", "office", "destination"),
        ("firewall/nat", "n-1", "n-1", "source"),
    ]
    assert [use.key for use in found["web"].used_by] == ["destination_port"]
    assert found["idle"].used_by == []
    bad, idle = found["bad"].found, found["idle"].found
    assert bad is not None and idle is not None
    assert (bad.source, bad.ipv4, bad.ipv6, bad.fault) == ("https://lists.example/bad.txt", 1, 1, None)
    assert (idle.ipv4, idle.fault) == (0, "nobody answered")
    assert found["admins"].found is None


def test_an_alias_is_added_replaced_and_removed(verbs: AliasVerbs, engine: Engine) -> None:
    report = verbs.add(CALLER, AddAlias(alias={"ports": [22], "id": "ssh", "description": None}))
    verbs.replace(CALLER, ReplaceAlias(id="web", alias={"id": "other", "ports": [443]}))
    verbs.remove(CALLER, RemoveItem(id="idle", comment="not needed"))
    assert report.id == "ssh"
    assert engine.submitted == [
        ([Insert("firewall/rules", ("aliases",), {"id": "ssh", "ports": [22]})], "add alias ssh"),
        (
            [Replace("firewall/rules", ("aliases", "web"), {"id": "web", "ports": [443]})],
            "change alias web",
        ),
        ([Remove("firewall/rules", ("aliases", "idle"))], "not needed"),
    ]


def test_an_alias_that_is_named_stays_and_each_place_is_said(verbs: AliasVerbs, engine: Engine) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        verbs.remove(CALLER, RemoveItem(id="admins"))
    said = [problem.render() for problem in refused.value.problems]
    assert said == [
        "firewall/nat.yaml:1 nat[0].source: the translation n-1 names the alias admins, so it stays; "
        "change it there first",
        "firewall/rules.yaml:7 rules[0].from.source: the rule r-1 names the alias admins, so it stays; "
        "change it there first",
        "firewall/rules.yaml:11 rules[1].destination: the rule office names the alias admins, so it stays; "
        "change it there first",
    ]
    assert engine.submitted == []


def test_an_alias_needs_a_name_and_one_that_is_there(verbs: AliasVerbs, engine: Engine) -> None:
    with pytest.raises(InvalidConfiguration, match=r"aliases\[4\]\.id: it has no name"):
        verbs.add(CALLER, AddAlias(alias={"ports": [22]}))
    with pytest.raises(NotFound, match="no alias is called nobody"):
        verbs.replace(CALLER, ReplaceAlias(id="nobody", alias={"ports": [22]}))
    with pytest.raises(NotFound, match="no alias is called nobody"):
        verbs.remove(CALLER, RemoveItem(id="nobody"))
    assert engine.submitted == []


def test_operators_change_aliases_and_all_may_look(verbs: AliasVerbs) -> None:
    for verb in verbs.verbs():
        assert verb.changes == (verb.name != "firewall.ListAliases")
        assert verb.role is (Role.OPERATOR if verb.changes else Role.VIEWER)
