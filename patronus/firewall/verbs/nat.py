# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on translations: each is an edit of ``firewall/nat``, taken through the engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from patronus.core.control import CommitReport, Control
from patronus.core.items import Added, ItemList
from patronus.core.model import as_data
from patronus.core.verb import Caller, Nothing, Verb
from patronus.firewall.model import Nat
from patronus.firewall.verbs.edit import Counters, Editing, changing, count
from patronus.firewall.verbs.forms import (
    AddNat,
    MoveNat,
    NatInfo,
    NatList,
    RemoveNat,
    ReplaceNat,
    SwitchNat,
)


class NatVerbs(Editing):
    """Reads and edits ``firewall/nat``."""

    def __init__(self, control: Control, counters: Counters) -> None:
        super().__init__(control)
        self._counters = counters
        self._list = ItemList(
            control, ("firewall/nat", "nat"), "translation", lambda: control.config.get(Nat).nat
        )

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declarations."""
        yield Verb("firewall.ListNat", Nothing, NatList, self.list_nat, route="GET /firewall/nat")
        yield changing("AddNat", AddNat, Added, self.add_nat, "POST /firewall/nat")
        yield changing("ReplaceNat", ReplaceNat, CommitReport, self.replace_nat, "PUT /firewall/nat/{id}")
        yield changing("RemoveNat", RemoveNat, CommitReport, self.remove_nat, "DELETE /firewall/nat/{id}")
        yield changing("MoveNat", MoveNat, CommitReport, self.move_nat, "POST /firewall/nat/{id}/move")
        yield changing(
            "SwitchNat", SwitchNat, CommitReport, self.switch_nat, "POST /firewall/nat/{id}/switch"
        )

    def list_nat(self, _: Caller, __: Nothing) -> NatList:
        """List the translations in the order in which they are tried."""
        seen = self._counters()
        entries = self._control.config.get(Nat).nat
        return NatList(
            nat=[
                NatInfo(id=item.id, entry=as_data(item), **count(seen, f"nat/{item.id}")) for item in entries
            ]
        )

    def add_nat(self, caller: Caller, given: AddNat) -> Added:
        """Add a translation: masquerade, snat, dnat (a port forward), one-to-one, nptv6, or exempt."""
        return self._list.add(caller, given, given.entry, given.index)

    def replace_nat(self, caller: Caller, given: ReplaceNat) -> CommitReport:
        """Put another translation in the place of one; its id and its counter stay."""
        return self._list.replace(caller, given, given.id, given.entry)

    def remove_nat(self, caller: Caller, given: RemoveNat) -> CommitReport:
        """Remove a translation; connections that it forwarded end."""
        return self._list.remove(caller, given, given.id)

    def move_nat(self, caller: Caller, given: MoveNat) -> CommitReport:
        """Move a translation to another place in the order."""
        return self._list.move(caller, given, as_data(self._list.find(given.id)))

    def switch_nat(self, caller: Caller, given: SwitchNat) -> CommitReport:
        """Switch a translation on or off; what else it says stays, and so do its place and its counter."""
        return self._list.switch(caller, given, given.id, enabled=given.enabled)
