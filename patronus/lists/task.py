# SPDX-License-Identifier: GPL-2.0-or-later
"""What patronusd hands to the process that brings lists in, and what it hands back: small JSON files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, ValidationError

from patronus.core.files import Disk, write_durably
from patronus.core.late import Late
from patronus.lists.folder import MODE, Folder
from patronus.lists.wanted import Content

RUN = "run.done"
"""The file in the lists' folder that says which task was done last."""


@dataclass(frozen=True)
class Places:
    """Where things lie. ``task`` belongs to patronusd, ``lists`` to the process."""

    task: Path = Path("/run/patronus-lists/task.json")
    lists: Path = Path("/var/lib/patronus-lists")

    @classmethod
    def below(cls, run: Path, state: Path) -> Places:
        """Return the places beside patronusd's own."""
        return cls(run.with_name("patronus-lists") / "task.json", state.with_name("patronus-lists"))

    @property
    def folder(self) -> Folder:
        """Return the folder of the lists."""
        return Folder(self.lists)


class Item(Late):
    """One list to bring in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    url: str
    content: Content
    ca: str | None = None


class Task(Late):
    """What to bring in now, and which lists to keep. ``number`` is another for each task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    lists: tuple[Item, ...] = ()
    keep: tuple[str, ...] = ()


def hand_out(places: Places, task: Task) -> None:
    """Write the task. Raises StorageError."""
    write_durably(Disk(), places.task, task.model_dump_json().encode(), MODE)


def handed(places: Places) -> Task | None:
    """Return the task; None where there is none that is whole."""
    try:
        return Task.model_validate_json(places.task.read_bytes())
    except (OSError, ValidationError):
        return None


def finish(places: Places, task: Task) -> None:
    """Say that the task was done, whatever came of its lists. Raises StorageError."""
    write_durably(Disk(), places.lists / RUN, str(task.number).encode(), MODE)


def finished(places: Places) -> int | None:
    """Return the number of the task that was done last."""
    try:
        return int((places.lists / RUN).read_text())
    except (OSError, ValueError):
        return None
