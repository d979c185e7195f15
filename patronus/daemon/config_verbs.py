# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on the configuration as a whole: check, load, confirm, roll back, history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from patronus.core.changes import text_diff
from patronus.core.control import Clock, CommitReport
from patronus.core.drafts import Draft
from patronus.core.edit import Edits, PutFile
from patronus.core.engine import Engine
from patronus.core.errors import InvalidConfiguration
from patronus.core.verb import Caller, Nothing, Parameters, Result, Role, Verb
from patronus.daemon.plan_report import PlanReport

HISTORY = 100


class Files(Parameters):
    """A set of files to check or commit in place of those that run."""

    files: dict[str, str | None] | None = Field(
        default=None, description="file name → text, null deletes; without it, the files in /etc/patronus"
    )


class Change(Files):
    """A change of whole files."""

    comment: str = Field(default="", max_length=500, description="why; kept in the history")
    confirm_s: float | None = Field(
        default=None, gt=0, description="revert unless confirmed within so many seconds"
    )
    base: int | None = Field(default=None, description="the generation that the caller saw")


class Planned(Files):
    """A change of whole files that is not made yet."""

    confirm_s: float | None = Field(default=None, gt=0, description="as it would be given to the commit")
    base: int | None = Field(default=None, description="the generation that the caller saw")


class CheckReport(Result):
    """What is wrong with a change, and what it would do."""

    knows_drafts: ClassVar[bool] = True

    problems: list[dict[str, Any]]
    changes: list[str]


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


class Named(Parameters):
    """Names a generation; without it the running one."""

    generation: int | None = None


class Confirmed(Result):
    """The generation that stays."""

    generation: int


class Rollback(Parameters):
    """Names the generation to return to."""

    generation: int
    confirm_s: float | None = Field(default=None, gt=0)


class Pair(Parameters):
    """Two generations; without ``new`` the running one, or the caller's draft."""

    old: int
    new: int | None = None


class DiffText(Result):
    """A unified diff."""

    knows_drafts: ClassVar[bool] = True

    diff: str


class Shown(Result):
    """The files of a generation, or of the caller's draft."""

    knows_drafts: ClassVar[bool] = True

    generation: int
    files: dict[str, str]


class Pending(Result):
    """The change that waits for confirmation, if any."""

    generation: int | None = None
    remaining_s: float | None = None
    actor: str | None = None


class Schemas(Result):
    """Section → JSON Schema of its file."""

    schemas: dict[str, Any]


class Doctor(Result):
    """How the kernel differs from the plan; an empty list is good."""

    differences: list[dict[str, str]]


class ConfigVerbs:
    """The verbs of the engine."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs."""
        operator = Role.OPERATOR
        return [
            Verb("config.Show", Named, Shown, self.show, operator, "GET /config"),
            Verb("config.Check", Files, CheckReport, self.check, operator, "POST /config/check"),
            Verb("config.Plan", Planned, PlanReport, self.plan, operator, "POST /config/plan"),
            Verb("config.Load", Change, CommitReport, self.load, operator, "PUT /config", changes=True),
            Verb(
                "config.Confirm",
                Nothing,
                Confirmed,
                self.confirm,
                operator,
                "POST /config/confirm",
                changes=True,
            ),
            Verb("config.Pending", Nothing, Pending, self.pending, route="GET /config/pending"),
            Verb(
                "config.Rollback",
                Rollback,
                CommitReport,
                self.rollback,
                operator,
                "POST /config/rollback",
                changes=True,
            ),
            Verb("config.Log", Count, History, self.history, route="GET /config/generations"),
            Verb("config.Diff", Pair, DiffText, self.diff, operator, "GET /config/diff"),
            Verb("config.Doctor", Nothing, Doctor, self.doctor, route="GET /config/doctor"),
            Verb("config.Schema", Nothing, Schemas, self.schema, route="GET /config/schema"),
        ]

    def show(self, caller: Caller, given: Named) -> Shown:
        """Return the files of a generation; without a number those that run, or of the caller's draft."""
        number = self._engine.generation if given.generation is None else given.generation
        draft = self._own_draft(caller) if given.generation is None else None
        texts = self._engine.show(number) if draft is None else self._engine.drafts.own_texts(draft)
        return Shown(generation=number, files=dict(texts))

    def _own_draft(self, caller: Caller) -> Draft | None:
        return self._engine.drafts.get(caller.account) if caller.draft else None

    def check(self, caller: Caller, given: Files) -> CheckReport:
        """Say all that is wrong with a set of files or a draft, and what it would change; write nothing."""
        try:
            commit = self._engine.check(self._edits(caller, given, None), caller)
        except InvalidConfiguration as error:
            return CheckReport(problems=[problem.as_data() for problem in error.problems], changes=[])
        return CheckReport(
            problems=[item.as_data() for item in commit.warnings], changes=list(commit.changes)
        )

    def plan(self, caller: Caller, given: Planned) -> PlanReport:
        """Say what files or a draft would change, and mean for who uses the router; write nothing."""
        edits = self._edits(caller, given, given.base)
        return PlanReport.of(self._engine.preview(edits, caller, base=given.base, confirm_s=given.confirm_s))

    def _edits(self, caller: Caller, given: Files, base: int | None) -> Edits:
        """Return what is meant: the files that were given, the caller's draft alone, or /etc/patronus."""
        if given.files is not None:
            return _edits(given.files)
        return [] if caller.draft else self._engine.working_edits(base)

    def load(self, caller: Caller, given: Change) -> CommitReport:
        """Take a set of files as one change: all of it or nothing."""
        if given.files is None:
            commit = self._engine.load_working_copy(
                caller, comment=given.comment, base=given.base, confirm_s=given.confirm_s
            )
        else:
            commit = self._engine.submit(
                _edits(given.files), caller, comment=given.comment, base=given.base, confirm_s=given.confirm_s
            )
        return CommitReport.of(commit)

    def confirm(self, caller: Caller, given: Nothing) -> Confirmed:  # noqa: ARG002
        """Keep the change that waits for confirmation."""
        return Confirmed(generation=self._engine.confirm(caller))

    def pending(self, caller: Caller, given: Nothing) -> Pending:  # noqa: ARG002
        """Tell which change waits for confirmation, and for how long."""
        waiting = self._engine.pending()
        if waiting is None:
            return Pending()
        return Pending(
            generation=waiting.generation, remaining_s=waiting.remaining_s(self._clock), actor=waiting.actor
        )

    def rollback(self, caller: Caller, given: Rollback) -> CommitReport:
        """Run an earlier generation's files again, as a new generation."""
        return CommitReport.of(self._engine.rollback(given.generation, caller, confirm_s=given.confirm_s))

    def history(self, caller: Caller, given: Count) -> History:  # noqa: ARG002
        """List the generations, newest first: who changed what, when and why."""
        current, waiting = self._engine.generation, self._engine.pending()
        return History(
            generations=[
                GenerationInfo(
                    number=manifest.number,
                    parent=manifest.parent,
                    time=manifest.time,
                    actor=manifest.actor,
                    comment=manifest.comment,
                    current=manifest.number == current,
                    confirmed=waiting is None or manifest.number != waiting.generation,
                )
                for manifest in self._engine.log(given.count)
            ]
        )

    def diff(self, caller: Caller, given: Pair) -> DiffText:
        """Show what differs between two generations, or a generation and the draft, as a unified diff."""
        draft = self._own_draft(caller) if given.new is None else None
        if draft is not None:
            texts = self._engine.drafts.merged_texts(draft)
            return DiffText(diff=text_diff(self._engine.show(given.old), texts, f"{given.old}/", "draft/"))
        new = self._engine.generation if given.new is None else given.new
        return DiffText(diff=self._engine.diff(given.old, new))

    def doctor(self, caller: Caller, given: Nothing) -> Doctor:  # noqa: ARG002
        """Read the kernel back and say how it differs from what was planned."""
        found = self._engine.observe()
        return Doctor(differences=[{"what": d.what, "wanted": d.wanted, "found": d.found} for d in found])

    def schema(self, caller: Caller, given: Nothing) -> Schemas:  # noqa: ARG002
        """Return the JSON Schema of every file, for editors that complete and check."""
        return Schemas(schemas=self._engine.json_schema())


def _edits(files: Mapping[str, str | None]) -> Edits:
    return [PutFile(name, text) for name, text in files.items()]
