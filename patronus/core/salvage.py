# SPDX-License-Identifier: GPL-2.0-or-later
"""What can still be checked of files that have problems, so that one run shows all mistakes.

List items with a problem are left out, the rest is validated and goes through the features' checks. What is
found there is reported under the position that the item has in the file; what is found only because
something was left out, such as a reference to it, is not reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from patronus.core.model import Strict
from patronus.core.problem import Location, Path, Problem

Kept = Mapping[str, list[int]]
"""Key of a list at the top of a section → the positions in the file of the items that were kept."""
_WORD = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Salvage:
    """The sound part of one file; ``lost`` are the ids of what was left out."""

    model: Strict
    kept: Kept = field(default_factory=dict)
    lost: frozenset[str] = frozenset()


def salvage(model: type[Strict], data: Mapping[str, Any], problems: Iterable[Problem]) -> Salvage | None:
    """Return what is sound of the data, None where that cannot be told."""
    bad = {problem.path[1:3] for problem in problems}
    if any(not path for path in bad):
        return None
    sound: dict[str, Any] = {}
    kept: dict[str, list[int]] = {}
    lost: set[str] = set()
    for key, value in data.items():
        if (key,) in bad or not isinstance(value, list):
            if not any(path[0] == key for path in bad):
                sound[key] = value
            continue
        kept[key] = [position for position in range(len(value)) if (key, position) not in bad]
        sound[key] = [value[position] for position in kept[key]]
        left_out = (value[at] for path in bad if path[0] == key for at in path[1:] if isinstance(at, int))
        lost |= {str(item["id"]) for item in left_out if isinstance(item, dict) and "id" in item}
    try:
        return Salvage(model.model_validate(sound), kept, frozenset(lost))
    except ValidationError:
        return None


def in_file(path: Path, kept: Kept) -> Path:
    """Return the path as it is in the file: positions count the items that were left out."""
    if len(path) > 2 and isinstance(path[1], str) and isinstance(path[2], int) and path[1] in kept:
        positions = kept[path[1]]
        if path[2] < len(positions):
            return (*path[:2], positions[path[2]], *path[3:])
    return path


class SalvagedLocations(Mapping[Path, Location]):
    """Where the values of salvaged models stand in their files."""

    def __init__(self, whole: Mapping[Path, Location], salvaged: Mapping[str, Salvage]) -> None:
        self._whole = whole
        self._salvaged = salvaged

    def __getitem__(self, path: Path) -> Location:
        found = self._salvaged.get(str(path[0]))
        return self._whole[in_file(path, found.kept) if found else path]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)


def reportable(found: Iterable[Problem], salvaged: Mapping[str, Salvage]) -> Iterator[Problem]:
    """Yield the problems that would be there without the gaps too, under their positions in the file."""
    lost = {name for one in salvaged.values() for name in one.lost}
    for problem in found:
        words = set(_WORD.findall(f"{problem.value} {problem.message}"))
        if words.isdisjoint(lost):
            part = salvaged.get(str(problem.path[0])) if problem.path else None
            yield replace(problem, path=in_file(problem.path, part.kept)) if part else problem
