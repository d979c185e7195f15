# SPDX-License-Identifier: GPL-2.0-or-later
"""What is remembered of the repository over restarts: the commit that was applied, one that failed. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from patronus.core.control import RuntimeState
from patronus.daemon.gitops.model import GitOps

KEY = "gitops"


def source_of(gitops: GitOps) -> str:
    """Return what names a place that commits come from: another branch is another place."""
    return f"{gitops.url} {gitops.branch} {gitops.folder or ''}"


def fingerprint(text: str) -> str:
    """Return the hash of a file's text."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Applied:
    """The commit that runs; ``hashes`` are those of its files as the engine wrote them, with their ids."""

    source: str
    commit: str
    generation: int
    time: float
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Attempt:
    """A commit that is being applied: its generation waits for confirmation."""

    source: str
    commit: str
    generation: int


@dataclass(frozen=True)
class Failure:
    """A commit that is not tried again by itself, and why."""

    commit: str
    reason: str


@dataclass(frozen=True)
class Record:
    """All of it."""

    applied: Applied | None = None
    attempt: Attempt | None = None
    failure: Failure | None = None

    def drift(self, source: str, texts: Mapping[str, str]) -> list[str]:
        """Return the files of the applied commit that are no longer as it made them."""
        if self.applied is None or self.applied.source != source:
            return []
        return sorted(
            name
            for name, digest in self.applied.hashes.items()
            if name not in texts or fingerprint(texts[name]) != digest
        )

    def with_applied(self, applied: Applied) -> Record:
        """Return the record after a commit was applied and stayed."""
        return Record(applied=applied)

    def with_failure(self, commit: str, reason: str) -> Record:
        """Return the record after a commit did not stay."""
        return replace(self, attempt=None, failure=Failure(commit, reason))


class Memory:
    """Keeps the record in the runtime state; what it holds is on disk."""

    def __init__(self, state: RuntimeState) -> None:
        self._state = state
        self.record = _read(state.get(KEY))

    def keep(self, record: Record) -> None:
        """Remember. Raises StorageError, and then the old record stands."""
        if record != self.record:
            self._state.put(KEY, asdict(record))
            self.record = record


def _read(data: Any) -> Record:
    """Return the record as it was stored; one that does not fit is forgotten, and all is looked at anew."""
    try:
        applied, attempt, failure = (data[key] for key in ("applied", "attempt", "failure"))
        return Record(
            Applied(**applied) if applied else None,
            Attempt(**attempt) if attempt else None,
            Failure(**failure) if failure else None,
        )
    except (TypeError, KeyError):
        return Record()
