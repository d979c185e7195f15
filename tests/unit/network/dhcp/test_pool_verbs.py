# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs that change pools: each goes into the list of its family."""

from __future__ import annotations

from typing import Any, cast

import pytest

from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import NotFound
from patronus.core.items import RemoveItem
from patronus.core.model import Configuration
from patronus.core.verb import Role
from patronus.network.dhcp.model import Dhcp
from patronus.network.dhcp.pool_verbs import AddPool, PoolVerbs, ReplacePool
from tests.unit.firewall.test_verbs import CALLER, Engine

FOUR = {"id": "lan", "interface": "lan", "ranges": ["192.168.1.100-192.168.1.199"]}
SIX = {"id": "lan6", "interface": "lan", "ranges": ["::1000-::1fff"]}


@pytest.fixture
def engine() -> Engine:
    dhcp = Dhcp.model_validate({"pools": [FOUR], "ipv6_pools": [SIX]})
    return Engine(Configuration({"network/dhcp": dhcp}))


@pytest.fixture
def verbs(engine: Engine) -> PoolVerbs:
    return PoolVerbs(cast(Any, engine))


def test_pools_of_both_families_are_added_replaced_and_removed(verbs: PoolVerbs, engine: Engine) -> None:
    added = verbs.add(CALLER, AddPool(pool={"interface": "guest"}))
    verbs.add(CALLER, AddPool(family=6, pool={"id": "guest6", "interface": "guest"}))
    verbs.replace(CALLER, ReplacePool(id="lan6", pool={"interface": "lan"}))
    verbs.remove(CALLER, RemoveItem(id="lan"))
    at = "network/dhcp"
    assert engine.submitted == [
        ([Insert(at, ("pools",), {"id": added.id, "interface": "guest"})], f"add pool {added.id}"),
        ([Insert(at, ("ipv6_pools",), {"id": "guest6", "interface": "guest"})], "add pool guest6"),
        ([Replace(at, ("ipv6_pools", "lan6"), {"interface": "lan", "id": "lan6"})], "change pool lan6"),
        ([Remove(at, ("pools", "lan"))], "remove pool lan"),
    ]


def test_a_pool_that_is_not_there_is_not_found(verbs: PoolVerbs, engine: Engine) -> None:
    with pytest.raises(NotFound, match="no pool is called dmz"):
        verbs.replace(CALLER, ReplacePool(id="dmz", pool={}))
    with pytest.raises(NotFound, match="no pool is called dmz"):
        verbs.remove(CALLER, RemoveItem(id="dmz"))
    assert engine.submitted == []


def test_administrators_change_pools(verbs: PoolVerbs) -> None:
    assert [(verb.role, verb.changes) for verb in verbs.verbs()] == [(Role.ADMIN, True)] * 3
