# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs that change pools. Loaded when callers are received."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from patronus.core.control import Change, CommitReport, Control
from patronus.core.errors import NotFound
from patronus.core.items import Added, ItemList, RemoveItem
from patronus.core.values import Id
from patronus.core.verb import Caller, Role, Verb
from patronus.network.dhcp.check import SECTION_PATH
from patronus.network.dhcp.model import Dhcp, Pool
from patronus.network.dhcp6.model import Ipv6Pool

Family = Literal[4, 6]


class AddPool(Change):
    """A pool to add."""

    family: Family = Field(default=4, description="whether it is of IPv4 or of IPv6")
    pool: dict[str, Any] = Field(description="a pool as in network/dhcp; its id is given if it has none")


class ReplacePool(Change):
    """A pool in the place of another."""

    id: Id
    pool: dict[str, Any] = Field(
        description="the whole pool as in network/dhcp, its reservations too; the id stays"
    )


class PoolVerbs:
    """Edits the pools of ``network/dhcp``, those of both families."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._lists: dict[Family, ItemList[Any]] = {
            4: ItemList(control, (SECTION_PATH, "pools"), "pool", lambda: self._configured().pools),
            6: ItemList(control, (SECTION_PATH, "ipv6_pools"), "pool", lambda: self._configured().ipv6_pools),
        }

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declarations."""
        changing: dict[str, Any] = {"role": Role.ADMIN, "changes": True}
        every, one = "/dhcp/pools", "/dhcp/pools/{id}"
        yield Verb("dhcp.AddPool", AddPool, Added, self.add, route=f"POST {every}", **changing)
        yield Verb(
            "dhcp.ReplacePool", ReplacePool, CommitReport, self.replace, route=f"PUT {one}", **changing
        )
        yield Verb(
            "dhcp.RemovePool", RemoveItem, CommitReport, self.remove, route=f"DELETE {one}", **changing
        )

    def add(self, caller: Caller, given: AddPool) -> Added:
        """Add a pool: addresses of one network that hosts may have, and what they are told."""
        return self._lists[given.family].add(caller, given, given.pool)

    def replace(self, caller: Caller, given: ReplacePool) -> CommitReport:
        """Change a pool; hosts keep what they have while it is still theirs to have."""
        return self._list_of(given.id).replace(caller, given, given.id, given.pool)

    def remove(self, caller: Caller, given: RemoveItem) -> CommitReport:
        """Remove a pool with its reservations; its hosts keep their addresses until the leases end."""
        return self._list_of(given.id).remove(caller, given, given.id)

    def _list_of(self, pool_id: str) -> ItemList[Any]:
        """Return the list that has a pool. Raises NotFound."""
        pools: tuple[Pool | Ipv6Pool, ...] = (*self._configured().pools, *self._configured().ipv6_pools)
        for pool in pools:
            if pool.id == pool_id:
                return self._lists[6 if isinstance(pool, Ipv6Pool) else 4]
        raise NotFound(f"no pool is called {pool_id}")

    def _configured(self) -> Dhcp:
        return self._control.config.get(Dhcp)
