# SPDX-License-Identifier: GPL-2.0-or-later
"""Items of a list in a file, as verbs change them one at a time: each change is an edit for the engine.

Items travel as they stand in the files. The engine validates them there, so that a face shows the same
problems as a hand edit, and what the edit does not touch stays to the letter.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from pydantic import Field

from patronus.core.control import Change, CommitReport, Control, commit
from patronus.core.edit import Edit, Insert, Remove, Replace
from patronus.core.errors import InvalidConfiguration, InvalidRequest, NotFound
from patronus.core.identify import new_id
from patronus.core.model import Configuration
from patronus.core.problem import Path, Problem
from patronus.core.values import Id
from patronus.core.verb import Caller


class RemoveItem(Change):
    """Names an item."""

    id: Id


class Placed(Change):
    """Where an item shall stand in an order that matters: at most one of the three."""

    index: int | None = Field(default=None, ge=0, description="position, 0 is first")
    before: Id | None = Field(default=None, description="the one before which it shall stand")
    after: Id | None = Field(default=None, description="the one behind which it shall stand")


class MoveItem(Placed):
    """Names an item and where it shall stand after the move."""

    id: Id


class Added(CommitReport):
    """A commit, and the id of what it added."""

    id: str


class HasId(Protocol):
    """An item of a model's list."""

    @property
    def id(self) -> str:
        """Its name, which stays."""


Item = TypeVar("Item", bound=HasId)


class ItemList(Generic[Item]):
    """One list of a section. ``noun`` is what people call an item of it: ``rule``.

    ``items`` returns those of the running configuration or the caller's draft. Where the ids are ``names``,
    people choose them, and none is made up. Every method that changes raises NotFound and what
    ``Control.submit`` does.
    """

    def __init__(
        self,
        control: Control,
        at: tuple[str, str],
        noun: str,
        items: Callable[[], Sequence[Item]],
        *,
        names: bool = False,
    ) -> None:
        self._control = control
        self._section, self._key = at
        self._noun = noun
        self._items = items
        self._names = names

    def find(self, item_id: str) -> Item:
        """Return an item. Raises NotFound."""
        for item in self._items():
            if item.id == item_id:
                return item
        raise NotFound(f"no {self._noun} is called {item_id}")

    def add(self, caller: Caller, given: Change, value: Mapping[str, Any], index: int | None = None) -> Added:
        """Add an item, at the end or at a place; one without an id gets one."""
        order = [item.id for item in self._items()]
        if self._names and not value.get("id"):
            path = (self._section, self._key, len(order), "id")
            raise InvalidConfiguration(
                [Problem(path, "it has no name", allowed=f"a name for the {self._noun}")]
            )
        item = with_id(value, self._key, set(order))
        edit = Insert(self._section, (self._key,), item, index)
        report = self._commit(edit, caller, given, f"add {self._noun} {item['id']}")
        return Added(**report.model_dump(), id=item["id"])

    def replace(self, caller: Caller, given: Change, item_id: str, value: Mapping[str, Any]) -> CommitReport:
        """Put another item in the place of one; its id stays."""
        self.find(item_id)
        edit = Replace(self._section, (self._key, item_id), {**value, "id": item_id})
        return self._commit(edit, caller, given, f"change {self._noun} {item_id}")

    def put(
        self, caller: Caller, given: Placed, item_id: str, value: Mapping[str, Any], deed: str
    ) -> CommitReport:
        """Put an item in the place of one, or at another place; ``deed`` says it to people: ``move``."""
        self.find(item_id)
        order = [item.id for item in self._items()]
        place = place_of([one for one in order if one != item_id], given, self._noun)
        at, item = (self._key, item_id), {**value, "id": item_id}
        edits: list[Edit] = [Replace(self._section, at, item)]
        if place is not None and place != order.index(item_id):
            edits = [Remove(self._section, at), Insert(self._section, (self._key,), item, place)]
        return commit(self._control, edits, caller, given, f"{deed} {self._noun} {item_id}")

    def move(self, caller: Caller, given: MoveItem, value: Mapping[str, Any]) -> CommitReport:
        """Move an item, as it stands, to another place. Raises InvalidRequest where none is given."""
        if given.index is None and given.before is None and given.after is None:
            raise InvalidRequest(f"it is not said where the {self._noun} shall stand: index, before or after")
        return self.put(caller, given, given.id, value, "move")

    def remove(self, caller: Caller, given: Change, item_id: str) -> CommitReport:
        """Take an item away."""
        self.find(item_id)
        edit = Remove(self._section, (self._key, item_id))
        return self._commit(edit, caller, given, f"remove {self._noun} {item_id}")

    def switch(self, caller: Caller, given: Change, item_id: str, *, enabled: bool) -> CommitReport:
        """Switch an item on or off; what else it says stays, and so does its place."""
        self.find(item_id)
        edit = Replace(self._section, (self._key, item_id, "enabled"), enabled)
        return self._commit(
            edit, caller, given, f"switch {'on' if enabled else 'off'} {self._noun} {item_id}"
        )

    def _commit(self, edit: Edit, caller: Caller, given: Change, comment: str) -> CommitReport:
        return commit(self._control, [edit], caller, given, comment)


def place_of(order: Sequence[str], given: Placed, noun: str) -> int | None:
    """Return the position among the ids of ``order``, None for the end. Raises InvalidRequest, NotFound."""
    if sum(place is not None for place in (given.index, given.before, given.after)) > 1:
        raise InvalidRequest(f"a {noun} stands in one place: give one of index, before and after")
    beside = given.before or given.after
    if beside is None:
        return None if given.index is None else min(given.index, len(order))
    if beside not in order:
        raise NotFound(f"no other {noun} is called {beside}")
    return order.index(beside) + (given.after is not None)


def keep(config: Configuration, uses: Iterable[tuple[Path, str]], noun: str, name: str) -> None:
    """Raise InvalidConfiguration where something is used: a problem for each place, with who uses it."""
    problems = [
        Problem(
            path,
            f"the {who} names the {noun} {name}, so it stays",
            name,
            hint="change it there first",
            location=config.locate(path),
        )
        for path, who in uses
    ]
    if problems:
        raise InvalidConfiguration(problems)


def with_id(value: Mapping[str, Any], name: str, taken: set[str]) -> dict[str, Any]:
    """Return an item without empty keys, its id first; a fresh one where it has none."""
    found = {key: item for key, item in value.items() if item is not None}
    fresh = found.get("id") or new_id(name, taken, lambda digits: secrets.token_hex(digits // 2))
    return {"id": fresh, **{key: item for key, item in found.items() if key != "id"}}
