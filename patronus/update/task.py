# SPDX-License-Identifier: GPL-2.0-or-later
"""What patronusd hands to the update's programs, and what they hand back: small JSON files below /run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from patronus.core.errors import StorageError
from patronus.core.late import Late

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Places:
    """Where things lie. Tasks are patronusd's, reports the programs'."""

    task: Path = Path("/run/patronus-update/task.json")
    fetch: Path = Path("/run/patronus-update-fetch/report.json")
    install: Path = Path("/run/patronus-update-install/report.json")
    facts: Path = Path("/run/patronus-update-install/facts.json")
    disk_task: Path = Path("/run/patronus-update/disk.json")
    disk: Path = Path("/run/patronus-disk-install/report.json")
    check_task: Path = Path("/run/patronus-update/check.json")
    check: Path = Path("/run/patronus-check/report.json")
    state: Path = Path("/var/lib/patronus-update")
    unproved: Path = Path("/var/lib/patronus-health/unproved.json")
    keyrings: Sequence[Path] = (Path("/usr/lib/systemd/import-pubring.gpg"),)

    @property
    def release(self) -> Path:
        """The folder of the downloaded release, where ``/usr/lib/sysupdate.d`` looks for it."""
        return self.state / "release"


class Handed(Late):
    """Base of what is handed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Task(Handed):
    """One thing to do. ``number`` grows with each; a report says by it which task it is about.

    ``refused``: version → why, of those that are not taken unless ``again`` is said.
    """

    number: int
    action: Literal["check", "install", "roll-back", "look"]
    source: str = ""
    ca: str | None = None
    version: str | None = None
    allow_downgrade: bool = False
    again: bool = False
    refused: dict[str, str] = Field(default_factory=dict)


class DiskTask(Handed):
    """A disk of this machine, by the kernel's name, that the running system is to be installed on."""

    number: int
    disk: str


class Offer(Handed):
    """A release that a source has; ``problems`` in words are why it is not taken."""

    version: str
    download_bytes: int
    problems: list[str] = Field(default_factory=list)


class Report(Handed):
    """How far a program is with a task: ``step`` in words, ``done`` of ``total`` bytes of it."""

    number: int
    state: Literal["running", "done", "failed"]
    step: str = ""
    done: int = 0
    total: int = 0
    error: str | None = None
    offers: list[Offer] = Field(default_factory=list)
    version: str | None = None


def read(model: type[M], path: Path) -> M | None:
    """Return what a file holds; None where there is none, or one that is not whole."""
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write(path: Path, content: BaseModel) -> None:
    """Put the content in the place of what the file held. Raises StorageError."""
    fresh = path.with_suffix(".new")
    try:
        fresh.write_text(content.model_dump_json())
        fresh.chmod(0o644)
        fresh.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
