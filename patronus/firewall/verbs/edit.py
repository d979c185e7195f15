# SPDX-License-Identifier: GPL-2.0-or-later
"""What the verbs that edit a file of the firewall have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import Field

from patronus.core.control import Change, CommitReport, Control, commit
from patronus.core.edit import Edit
from patronus.core.verb import Caller, Result, Role, Verb
from patronus.firewall.counted import Counted
from patronus.firewall.model.uses import Use

Counters = Callable[[], Mapping[str, Counted]]


class UseInfo(Result):
    """A place where something is named."""

    section: str = Field(description="the file, such as firewall/rules")
    id: str = Field(description="the item in it, such as a rule")
    name: str = Field(description="what people call that")
    key: str = Field(description="where in it: source, destination, …")


def users(uses: Iterable[Use]) -> Mapping[str, list[UseInfo]]:
    """Return what is named → who names it; of what nobody names nobody."""
    found: dict[str, list[UseInfo]] = defaultdict(list)
    for use in uses:
        found[use.named].append(UseInfo(section=use.section, id=use.item, name=use.title, key=use.key))
    return found


class Editing:
    """Takes edits through the engine."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def submit(self, edits: list[Edit], caller: Caller, given: Change, comment: str) -> CommitReport:
        """Commit edits."""
        return commit(self._control, edits, caller, given, comment)


def changing(
    name: str, parameters: type[Any], result: type[Any], handler: Callable[..., Any], route: str
) -> Verb[Any, Any]:
    """Return the declaration of a verb of operators that changes the files."""
    return Verb(f"firewall.{name}", parameters, result, handler, Role.OPERATOR, route, changes=True)


def count(seen: Mapping[str, Counted], name: str) -> dict[str, int]:
    """Return what a counter has seen, as the fields of a result."""
    found = seen.get(name)
    return {"packets": found.packets if found else 0, "bytes": found.bytes if found else 0}
