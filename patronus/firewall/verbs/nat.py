# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on translations: each is an edit of ``firewall/nat``, taken through the engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from patronus.core.control import CommitReport, Control
from patronus.core.edit import Edit, Insert, Remove, Replace
from patronus.core.errors import NotFound
from patronus.core.model import as_data
from patronus.core.verb import Caller, Nothing, Verb
from patronus.firewall.model import Nat, NatEntry
from patronus.firewall.verbs.edit import Counters, Editing, changing, count, with_id
from patronus.firewall.verbs.forms import (
    Added,
    AddNat,
    MoveNat,
    NatInfo,
    NatList,
    RemoveNat,
    ReplaceNat,
    SwitchNat,
)

NAT = ("firewall/nat", ("nat",))


class NatVerbs(Editing):
    """Reads and edits ``firewall/nat``."""

    def __init__(self, control: Control, counters: Counters) -> None:
        super().__init__(control)
        self._counters = counters

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
        taken = {entry.id for entry in self._control.config.get(Nat).nat}
        value = with_id(given.entry, "nat", taken)
        return self.added(Insert(*NAT, value, given.index), value, caller, given, "add translation")

    def replace_nat(self, caller: Caller, given: ReplaceNat) -> CommitReport:
        """Put another translation in the place of one; its id and its counter stay."""
        self._find(given.id)
        section, at = NAT
        value = {**given.entry, "id": given.id}
        comment = f"change translation {given.id}"
        return self.submit([Replace(section, (*at, given.id), value)], caller, given, comment)

    def remove_nat(self, caller: Caller, given: RemoveNat) -> CommitReport:
        """Remove a translation; connections that it forwarded end."""
        self._find(given.id)
        section, at = NAT
        return self.submit(
            [Remove(section, (*at, given.id))], caller, given, f"remove translation {given.id}"
        )

    def move_nat(self, caller: Caller, given: MoveNat) -> CommitReport:
        """Move a translation to another place in the order."""
        entry = self._find(given.id)
        section, at = NAT
        edits: list[Edit] = [
            Remove(section, (*at, given.id)),
            Insert(section, at, as_data(entry), given.index),
        ]
        return self.submit(edits, caller, given, f"move translation {given.id}")

    def switch_nat(self, caller: Caller, given: SwitchNat) -> CommitReport:
        """Switch a translation on or off; what else it says stays, and so do its place and its counter."""
        self._find(given.id)
        section, at = NAT
        edit = Replace(section, (*at, given.id, "enabled"), given.enabled)
        word = "on" if given.enabled else "off"
        return self.submit([edit], caller, given, f"switch {word} translation {given.id}")

    def _find(self, entry_id: str) -> NatEntry:
        for entry in self._control.config.get(Nat).nat:
            if entry.id == entry_id:
                return entry
        raise NotFound(f"no translation is called {entry_id}")
