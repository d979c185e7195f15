# SPDX-License-Identifier: GPL-2.0-or-later
"""A change that was checked and planned, and not made, in its wire form."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from patronus.core.changes import Change, said
from patronus.core.feature import Consequence
from patronus.core.preview import Preview
from patronus.core.verb import Result


class ChangeInfo(Result):
    """One difference between what runs and what would."""

    section: str
    name: str = Field(description="its place in the section, items by id: rules r-7f3a.action")
    kind: Literal["added", "removed", "changed", "reordered"]
    old: Any = None
    new: Any = None
    text: str = Field(description="the change in words")

    @classmethod
    def of(cls, change: Change) -> ChangeInfo:
        """Return a change in its wire form."""
        return cls(**change.as_data())


class FeaturePlan(Result):
    """What a change means for one feature."""

    feature: str
    plan_changes: bool = Field(description="whether what it brings into the kernel and its services changes")
    changes: list[ChangeInfo]


class ConsequenceInfo(Result):
    """What a change would mean for somebody who uses the router now."""

    kind: Literal["session", "service", "flow"]
    what: str
    works: bool = Field(description="whether it works once the change runs")
    before: str = Field(description="what becomes of its packets now, and what decides that")
    after: str
    packet: dict[str, Any] | None = Field(default=None, description="an example packet")

    @classmethod
    def of(cls, one: Consequence) -> ConsequenceInfo:
        """Return a consequence in its wire form."""
        return cls(
            kind=one.kind, what=one.what, works=one.works, before=one.before, after=one.after,
            packet=None if one.packet is None else dict(one.packet),
        )  # fmt: skip


class PlanReport(Result):
    """What a change would do."""

    knows_drafts: ClassVar[bool] = True

    generation: int = Field(description="the running generation, on top of which the change was planned")
    changes: list[str] = Field(description="what would change, in words")
    features: list[FeaturePlan]
    consequences: list[ConsequenceInfo]
    breaks: bool = Field(description="whether something that works now would stop")
    warnings: list[dict[str, Any]]
    diff: str = Field(description="unified diff of the files")
    confirm_within_s: float | None = Field(description="it would revert unless confirmed in this time")

    @classmethod
    def of(cls, preview: Preview) -> PlanReport:
        """Return a preview in its wire form."""
        return cls(
            generation=preview.generation,
            changes=list(said(preview.changes)),
            features=[
                FeaturePlan(
                    feature=one.feature,
                    plan_changes=one.plan_changes,
                    changes=[ChangeInfo.of(change) for change in one.changes],
                )
                for one in preview.features
            ],
            consequences=[ConsequenceInfo.of(one) for one in preview.consequences],
            breaks=not all(one.works for one in preview.consequences),
            warnings=[problem.as_data() for problem in preview.warnings],
            diff=preview.diff,
            confirm_within_s=preview.confirm_within_s,
        )
