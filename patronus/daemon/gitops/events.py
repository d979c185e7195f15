# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens between the repository and this router, as events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from patronus.core.bus import Event


@dataclass(frozen=True)
class CommitApplied(Event):
    """A commit of the repository runs, was found healthy, and stays."""

    kind: ClassVar[str] = "gitops-applied"
    commit: str
    generation: int


@dataclass(frozen=True)
class CommitRefused(Event):
    """A commit of the repository was not taken, or went away again; what ran before runs."""

    kind: ClassVar[str] = "gitops-refused"
    commit: str
    reason: str


@dataclass(frozen=True)
class FetchFailed(Event):
    """The repository could not be read; said once, until it can be again."""

    kind: ClassVar[str] = "gitops-fetch-failed"
    reason: str


@dataclass(frozen=True)
class ConfigurationDrifted(Event):
    """Files that came from the repository were changed here, and are no longer as it has them."""

    kind: ClassVar[str] = "gitops-drifted"
    files: tuple[str, ...]
    actor: str
