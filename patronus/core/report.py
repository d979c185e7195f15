# SPDX-License-Identifier: GPL-2.0-or-later
"""The result of a verb that changes the configuration: a commit in its wire form. Pure."""

from __future__ import annotations

from typing import Any

from patronus.core.control import Commit
from patronus.core.verb import Result


class CommitReport(Result):
    """What a change did; ``confirm_within_s`` is set where it reverts unless confirmed."""

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
