# SPDX-License-Identifier: GPL-2.0-or-later
"""What the verbs that edit a file of the firewall have in common."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from patronus.core.control import CommitReport, Control
from patronus.core.edit import Edit
from patronus.core.identify import new_id
from patronus.core.verb import Caller, Role, Verb
from patronus.firewall.verbs import Added, Change


class Counted(Protocol):
    """What a counter has seen."""

    @property
    def packets(self) -> int:
        """Packets."""

    @property
    def bytes(self) -> int:
        """Bytes."""


@dataclass(frozen=True)
class Seen:
    """What both planes have counted; ``early`` packets of them were dropped by XDP."""

    packets: int
    bytes: int
    early: int = 0


UNSEEN = Seen(0, 0)
Counters = Callable[[], Mapping[str, Counted]]


class Editing:
    """Takes edits through the engine."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def added(self, edit: Edit, value: dict[str, Any], caller: Caller, given: Change, what: str) -> Added:
        """Commit a new item and return its id."""
        report = self.submit([edit], caller, given, f"{what} {value['id']}")
        return Added(**report.model_dump(), id=value["id"])

    def submit(self, edits: list[Edit], caller: Caller, given: Change, comment: str) -> CommitReport:
        """Commit edits; what the caller says about them goes before our own comment."""
        commit = self._control.submit(
            edits, caller, comment=given.comment or comment, base=given.base, confirm_s=given.confirm_s
        )
        return CommitReport.of(commit)


def changing(
    name: str, parameters: type[Any], result: type[Any], handler: Callable[..., Any], route: str
) -> Verb[Any, Any]:
    """Return the declaration of a verb of operators that changes the files."""
    return Verb(f"firewall.{name}", parameters, result, handler, Role.OPERATOR, route, changes=True)


def with_id(value: Mapping[str, Any], name: str, taken: set[str]) -> dict[str, Any]:
    """Return an item without empty keys, its id first; a fresh one where it has none."""
    found = {key: item for key, item in value.items() if item is not None}
    fresh = found.get("id") or new_id(name, taken, lambda digits: secrets.token_hex(digits // 2))
    return {"id": fresh, **{key: item for key, item in found.items() if key != "id"}}


def count(seen: Mapping[str, Counted], name: str) -> dict[str, int]:
    """Return what a counter has seen, as the fields of a result."""
    found = seen.get(name)
    return {"packets": found.packets if found else 0, "bytes": found.bytes if found else 0}
