# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on aliases: names for addresses or ports, and who uses them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from patronus.core.control import Change, CommitReport, Control
from patronus.core.items import Added, ItemList, RemoveItem, keep
from patronus.core.model import as_data
from patronus.core.values import Id
from patronus.core.verb import Caller, Nothing, Result, Verb
from patronus.firewall.model import Alias, Rules
from patronus.firewall.model.uses import alias_uses, places
from patronus.firewall.sources import Held, Sources
from patronus.firewall.verbs.edit import UseInfo, changing, users
from patronus.firewall.verbs.sources import SourceInfo, source_info


class AliasInfo(Result):
    """An alias as in the file, who uses it, and how one stands whose addresses lie elsewhere."""

    id: str
    kind: Literal["addresses", "ports", "list", "names", "countries"]
    holds: Literal["addresses", "ports"] = Field(description="what it stands for in a rule")
    alias: dict[str, Any]
    used_by: list[UseInfo]
    found: SourceInfo | None = Field(description="what was found elsewhere; null where all is in the file")


class AliasList(Result):
    """All aliases, in the order of the file."""

    aliases: list[AliasInfo]


class AddAlias(Change):
    """An alias to add."""

    alias: dict[str, Any] = Field(
        description="an alias as in firewall/rules: its name as id, "
        "and one of addresses, ports, list, names, countries"
    )


class ReplaceAlias(Change):
    """An alias in the place of another."""

    id: Id
    alias: dict[str, Any] = Field(description="the whole alias as in firewall/rules; the id stays")


class AliasVerbs:
    """Reads and edits the aliases of ``firewall/rules``; ``sources`` knows what lies elsewhere."""

    def __init__(self, control: Control, sources: Sources) -> None:
        self._control = control
        self._sources = sources
        self._list = ItemList(control, ("firewall/rules", "aliases"), "alias", self._configured, names=True)

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declarations."""
        every, one = "/firewall/aliases", "/firewall/aliases/{id}"
        yield Verb("firewall.ListAliases", Nothing, AliasList, self.list, route=f"GET {every}")
        yield changing("AddAlias", AddAlias, Added, self.add, f"POST {every}")
        yield changing("ReplaceAlias", ReplaceAlias, CommitReport, self.replace, f"PUT {one}")
        yield changing("RemoveAlias", RemoveItem, CommitReport, self.remove, f"DELETE {one}")

    def list(self, _: Caller, __: Nothing) -> AliasList:
        """List the aliases, who uses them, and what those hold whose addresses lie elsewhere."""
        named = users(alias_uses(self._control.config))
        return AliasList(
            aliases=[
                AliasInfo(
                    id=alias.id,
                    kind=alias.kind,
                    holds=alias.holds,
                    alias=as_data(alias),
                    used_by=named[alias.id],
                    found=source_info(Held.of(alias, self._sources)) if alias.lives else None,
                )
                for alias in self._configured()
            ]
        )

    def add(self, caller: Caller, given: AddAlias) -> Added:
        """Add an alias; rules and translations name it as @id."""
        return self._list.add(caller, given, given.alias)

    def replace(self, caller: Caller, given: ReplaceAlias) -> CommitReport:
        """Change what an alias holds; what names it means the new addresses or ports from then on."""
        return self._list.replace(caller, given, given.id, given.alias)

    def remove(self, caller: Caller, given: RemoveItem) -> CommitReport:
        """Remove an alias that nothing names."""
        self._list.find(given.id)
        config = self._control.config
        keep(config, places(alias_uses(config), given.id), "alias", given.id)
        return self._list.remove(caller, given, given.id)

    def _configured(self) -> tuple[Alias, ...]:
        return self._control.config.get(Rules).aliases
