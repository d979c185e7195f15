# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on whom the DNS server asks and on its blocklists: what they list, edit and refuse."""

from __future__ import annotations

from typing import Any, cast

import pytest

from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import InvalidConfiguration, InvalidRequest, NotFound
from patronus.core.items import RemoveItem
from patronus.core.model import Configuration
from patronus.core.verb import Nothing, Role
from patronus.network.dns.model import Dns
from patronus.network.dns.source_verbs import (
    AddBlocklist,
    AddUpstream,
    ReplaceBlocklist,
    ReplaceUpstream,
    SetAsk,
    SetDns64,
    SourceVerbs,
)
from tests.unit.firewall.test_verbs import CALLER, Engine

ISP, ADS, GAMES = (
    {"id": "isp", "from": "wan"},
    {"id": "ads", "file": "ads.txt"},
    {"id": "games", "file": "games"},
)
KIDS = {"id": "kids", "clients": ["192.168.1.64/26"], "blocklists": ["games"]}
AT = "network/dns"


@pytest.fixture
def engine() -> Engine:
    given = {"upstreams": [ISP], "blocklists": [ADS, {**GAMES, "everyone": False}], "policies": [KIDS]}
    return Engine(Configuration({AT: Dns.model_validate(given)}))


@pytest.fixture
def verbs(engine: Engine) -> SourceVerbs:
    return SourceVerbs(cast(Any, engine))


def test_servers_and_blocklists_are_listed_as_written_with_whose_they_are(verbs: SourceVerbs) -> None:
    found = verbs.list_upstreams(CALLER, Nothing())
    assert (found.ask, [(item.id, item.upstream) for item in found.upstreams]) == ("in_order", [("isp", ISP)])
    lists = verbs.list_blocklists(CALLER, Nothing()).blocklists
    assert [(item.id, item.everyone, item.policies) for item in lists] == [
        ("ads", True, []),
        ("games", False, ["kids"]),
    ]
    assert lists[0].blocklist == ADS


def test_servers_are_added_changed_removed_and_put_in_order(verbs: SourceVerbs, engine: Engine) -> None:
    added = verbs.add_upstream(CALLER, AddUpstream(upstream={"address": "192.0.2.53"}, index=0))
    verbs.replace_upstream(CALLER, ReplaceUpstream(id="isp", upstream={"address": "192.0.2.54"}))
    verbs.remove_upstream(CALLER, RemoveItem(id="isp"))
    verbs.set_ask(CALLER, SetAsk(ask="fastest"))
    assert [edits for edits, _ in engine.submitted] == [
        [Insert(AT, ("upstreams",), {"id": added.id, "address": "192.0.2.53"}, 0)],
        [Replace(AT, ("upstreams", "isp"), {"address": "192.0.2.54", "id": "isp"})],
        [Remove(AT, ("upstreams", "isp"))],
        [Replace(AT, ("ask",), "fastest")],
    ]


def test_a_blocklist_is_added_changed_and_removed_where_no_policy_names_it(
    verbs: SourceVerbs, engine: Engine
) -> None:
    verbs.add_blocklist(CALLER, AddBlocklist(blocklist={"id": "bad", "url": "https://lists.example/bad.txt"}))
    verbs.replace_blocklist(CALLER, ReplaceBlocklist(id="ads", blocklist={"file": "more.txt"}))
    verbs.remove_blocklist(CALLER, RemoveItem(id="ads"))
    with pytest.raises(InvalidConfiguration) as refused:
        verbs.remove_blocklist(CALLER, RemoveItem(id="games"))
    said = "policies[0].blocklists: the policy kids names the blocklist games, so it stays"
    assert said in str(refused.value)
    assert [edits for edits, _ in engine.submitted] == [
        [Insert(AT, ("blocklists",), {"id": "bad", "url": "https://lists.example/bad.txt"})],
        [Replace(AT, ("blocklists", "ads"), {"file": "more.txt", "id": "ads"})],
        [Remove(AT, ("blocklists", "ads"))],
    ]


def test_addresses_of_a_translator_come_change_and_go(verbs: SourceVerbs, engine: Engine) -> None:
    assert verbs.list_upstreams(CALLER, Nothing()).dns64 is None
    with pytest.raises(InvalidRequest, match="given no addresses already"):
        verbs.set_dns64(CALLER, SetDns64(dns64=None))
    told = {"prefix": "2001:db8:64::/96", "everyone": False}
    verbs.set_dns64(CALLER, SetDns64(dns64=told))
    engine.config = Configuration({AT: Dns.model_validate({"dns64": told})})
    assert verbs.list_upstreams(CALLER, Nothing()).dns64 == told
    verbs.set_dns64(CALLER, SetDns64(dns64=None))
    assert [edits for edits, _ in engine.submitted] == [
        [Replace(AT, ("dns64",), told)],
        [Remove(AT, ("dns64",))],
    ]


def test_what_is_not_there_is_not_found(verbs: SourceVerbs, engine: Engine) -> None:
    with pytest.raises(NotFound, match="no DNS server is called quad"):
        verbs.remove_upstream(CALLER, RemoveItem(id="quad"))
    with pytest.raises(NotFound, match="no blocklist is called bad"):
        verbs.remove_blocklist(CALLER, RemoveItem(id="bad"))
    assert engine.submitted == []


def test_administrators_change_them_and_all_may_look(verbs: SourceVerbs) -> None:
    for verb in verbs.verbs():
        assert verb.changes == (not verb.name.startswith("dns.List"))
        assert verb.role is (Role.ADMIN if verb.changes else Role.VIEWER)
