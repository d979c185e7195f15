# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on aliases: names for addresses or ports, and who uses them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field

from patronus.core.control import Change, CommitReport, Control
from patronus.core.errors import InvalidConfiguration
from patronus.core.items import Added, ItemList, RemoveItem
from patronus.core.model import as_data
from patronus.core.problem import Problem
from patronus.core.values import Id
from patronus.core.verb import Caller, Nothing, Result, Verb
from patronus.firewall.model import Alias, Rules
from patronus.firewall.model.uses import Use, alias_uses
from patronus.firewall.sources import Held, Sources
from patronus.firewall.verbs.edit import changing
from patronus.firewall.verbs.sources import SourceInfo, source_info


class AliasUse(Result):
    """A place where an alias is named."""

    section: str = Field(description="the file: firewall/rules or firewall/nat")
    id: str = Field(description="the rule or the translation")
    name: str = Field(description="what people call it")
    key: str = Field(description="where in it: source, destination, …")


class AliasInfo(Result):
    """An alias as in the file, who uses it, and how one stands whose addresses lie elsewhere."""

    id: str
    kind: Literal["addresses", "ports", "list", "names", "countries"]
    holds: Literal["addresses", "ports"] = Field(description="what it stands for in a rule")
    alias: dict[str, Any]
    used_by: list[AliasUse]
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
        users: dict[str, list[AliasUse]] = defaultdict(list)
        for use in alias_uses(self._control.config):
            users[use.alias].append(_use(use))
        return AliasList(
            aliases=[
                AliasInfo(
                    id=alias.id,
                    kind=alias.kind,
                    holds=alias.holds,
                    alias=as_data(alias),
                    used_by=users[alias.id],
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
        config = self._control.config
        users = [use for use in alias_uses(config) if use.alias == given.id]
        if users:
            raise InvalidConfiguration(
                [
                    Problem(
                        use.path,
                        f"the {use.noun} {use.title} names the alias {given.id}, so it stays",
                        f"@{given.id}",
                        hint=f"change or remove the {use.noun} first",
                        location=config.locate(use.path),
                    )
                    for use in users
                ]
            )
        return self._list.remove(caller, given, given.id)

    def _configured(self) -> tuple[Alias, ...]:
        return self._control.config.get(Rules).aliases


def _use(use: Use) -> AliasUse:
    return AliasUse(section=use.section, id=use.item, name=use.title, key=".".join(map(str, use.path[3:])))
