# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on drafts: begin one, see it, commit it, discard it. Other verbs fill it, by ``draft: true``."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from patronus.core.changes import said
from patronus.core.control import CommitReport
from patronus.core.drafting import DraftView
from patronus.core.drafts import BY_HAND, Draft
from patronus.core.engine import Engine
from patronus.core.errors import NotPermitted
from patronus.core.verb import Caller, Done, Nothing, Parameters, Result, Role, Verb


class Whose(Parameters):
    """Names a user's draft; without it the caller's own."""

    owner: str | None = Field(default=None, max_length=200, description="whose; the caller's by default")


class CommitDraft(Whose):
    """How to commit a draft."""

    comment: str = Field(default="", max_length=500, description="why; kept in the history")
    confirm_s: float | None = Field(
        default=None, gt=0, description="revert unless confirmed within so many seconds"
    )


class DraftReport(Result):
    """A draft as it stands; ``exists`` false: there is none."""

    exists: bool
    owner: str
    base: int | None = Field(default=None, description="the generation that ran when it was begun")
    time: float | None = Field(default=None, description="of the last edit, in seconds since the epoch")
    files: list[str] = Field(default=[], description="the files that it changes")
    changes: list[str] = Field(default=[], description="what it changes, in words")
    problems: list[dict[str, Any]] = Field(default=[], description="all that is wrong with it")
    behind: bool = Field(default=False, description="others have changed a file of it since it was begun")

    @classmethod
    def of(cls, view: DraftView) -> DraftReport:
        """Return a draft in its wire form."""
        draft = view.draft
        return cls(
            exists=True,
            owner=draft.owner,
            base=draft.base,
            time=draft.time,
            files=sorted(draft.texts),
            changes=list(said(view.changes)),
            problems=[problem.as_data() for problem in view.problems],
            behind=view.behind,
        )


class DraftInfo(Result):
    """One draft in the list."""

    owner: str
    base: int
    time: float
    files: list[str]


class DraftList(Result):
    """Every draft, by owner."""

    drafts: list[DraftInfo]


class DraftCommitted(CommitReport):
    """A commit that was a draft."""

    knows_drafts: ClassVar[bool] = False


class DraftVerbs:
    """The verbs on drafts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs."""
        operator, at = Role.OPERATOR, "/config/draft"
        start = Verb(
            "config.StartDraft", Nothing, DraftReport, self.start, operator, f"POST {at}", changes=True
        )
        commit = Verb(
            "config.CommitDraft", CommitDraft, DraftCommitted, self.commit, operator, f"POST {at}/commit",
            changes=True,
        )  # fmt: skip
        discard = Verb(
            "config.DiscardDraft", Whose, Done, self.discard, operator, f"DELETE {at}", changes=True
        )
        return [
            Verb("config.Draft", Whose, DraftReport, self.show, operator, f"GET {at}"),
            Verb("config.ListDrafts", Nothing, DraftList, self.listed, operator, "GET /config/drafts"),
            start,
            commit,
            discard,
        ]

    def show(self, caller: Caller, given: Whose) -> DraftReport:
        """Show a draft: what it changes, and everything that is wrong with it."""
        owner = _owner(caller, given)
        draft = self._engine.drafts.get(owner)
        return DraftReport(exists=False, owner=owner) if draft is None else self._report(draft)

    def listed(self, caller: Caller, given: Nothing) -> DraftList:  # noqa: ARG002
        """List the drafts: whose they are and which files they change."""
        found = self._engine.drafts.all()
        return DraftList(
            drafts=[
                DraftInfo(owner=one.owner, base=one.base, time=one.time, files=sorted(one.texts))
                for one in found
            ]
        )

    def start(self, caller: Caller, given: Nothing) -> DraftReport:  # noqa: ARG002
        """Begin a draft; where the caller has one it goes on."""
        return self._report(self._engine.drafts.start(caller.account))

    def commit(self, caller: Caller, given: CommitDraft) -> DraftCommitted:
        """Commit a draft as one change, merged with what others committed meanwhile."""
        owner = _owner(caller, given)
        commit = self._engine.commit_draft(owner, caller, comment=given.comment, confirm_s=given.confirm_s)
        return DraftCommitted(**CommitReport.of(commit).model_dump())

    def discard(self, caller: Caller, given: Whose) -> Done:
        """Throw a draft away."""
        self._engine.drafts.discard(_owner(caller, given))
        return Done()

    def _report(self, draft: Draft) -> DraftReport:
        return DraftReport.of(self._engine.drafts.view(draft))


def _owner(caller: Caller, given: Whose) -> str:
    """Return whose draft is meant. Raises NotPermitted where it is another user's and not for the caller."""
    owner = caller.account if given.owner is None else given.owner
    if owner not in (caller.account, BY_HAND) and caller.role < Role.ADMIN:
        raise NotPermitted(f"the draft of {owner} is for them and for administrators")
    return owner
