# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on the configuration as a whole: check, load, confirm, roll back, history."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from patronus.core.control import Commit
from patronus.core.edit import PutFile
from patronus.core.engine import Engine
from patronus.core.errors import InvalidConfiguration
from patronus.core.feature import Difference
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Nothing, Parameters, Result, Role, Verb

HISTORY = 100


class Files(Parameters):
    """A set of files to check or commit in place of those that run."""

    files: dict[str, str | None] | None = Field(
        default=None, description="file name → text, null deletes; without it, the files in /etc/patronus"
    )


class Change(Files):
    """A change of whole files."""

    comment: str = Field(default="", max_length=500, description="why; kept in the history")
    confirm_s: float | None = Field(default=None, gt=0, description="revert unless confirmed within so many seconds")
    base: int | None = Field(default=None, description="the generation that the caller saw")


class CheckReport(Result):
    """What a change would do."""

    problems: list[dict[str, Any]]
    changes: list[str]


class CommitReport(Result):
    """What a change did."""

    generation: int
    changes: list[str]
    warnings: list[dict[str, Any]]
    confirm_within_s: float | None = None

    @classmethod
    def of(cls, commit: Commit) -> CommitReport:
        """Return a commit in its wire form."""
        return cls(
            generation=commit.generation,
            changes=list(commit.changes),
            warnings=[problem.as_data() for problem in commit.warnings],
            confirm_within_s=commit.confirm_within_s,
        )


class GenerationInfo(Result):
    """One generation in the history."""

    number: int
    parent: int | None
    time: float = Field(description="seconds since the epoch")
    actor: str
    comment: str
    current: bool
    confirmed: bool


class History(Result):
    """Generations, newest first."""

    generations: list[GenerationInfo]


class Count(Parameters):
    """How many to return."""

    count: int = Field(default=HISTORY, ge=1, le=1000)


class GenerationNumber(Parameters):
    """Names a generation; without it the running one."""

    generation: int | None = None


class Rollback(Parameters):
    """Names the generation to return to."""

    generation: int
    confirm_s: float | None = Field(default=None, gt=0)


class Pair(Parameters):
    """Two generations; without ``new`` the running one."""

    old: int
    new: int | None = None


class DiffText(Result):
    """A unified diff."""

    diff: str


class Shown(Result):
    """The files of a generation."""

    generation: int
    files: dict[str, str]


class Pending(Result):
    """The change that waits for confirmation, if any."""

    generation: int | None = None
    remaining_s: float | None = None
    actor: str | None = None


class Doctor(Result):
    """How the kernel differs from the plan; an empty list is good."""

    differences: list[dict[str, str]]


class ConfigVerbs:
    """The verbs of the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs."""
        operator = Role.OPERATOR
        return [
            Verb("config.Show", GenerationNumber, Shown, self.show, route="GET /config"),
            Verb("config.Check", Files, CheckReport, self.check, operator, "POST /config/check"),
            Verb("config.Load", Change, CommitReport, self.load, operator, "PUT /config", changes=True),
            Verb("config.Confirm", Nothing, GenerationNumber_, self.confirm, operator, "POST /config/confirm", changes=True),
            Verb("config.Pending", Nothing, Pending, self.pending, route="GET /config/pending"),
            Verb("config.Rollback", Rollback, CommitReport, self.rollback, operator, "POST /config/rollback", changes=True),
            Verb("config.Log", Count, History, self.history, route="GET /config/generations"),
            Verb("config.Diff", Pair, DiffText, self.diff, route="GET /config/diff"),
            Verb("config.Doctor", Nothing, Doctor, self.doctor, route="GET /config/doctor"),
        ]
