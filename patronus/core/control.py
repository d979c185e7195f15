# SPDX-License-Identifier: GPL-2.0-or-later
"""What a feature may ask of the engine, and what the engine needs from outside: protocols and values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import Field

from patronus.core.bus import Event
from patronus.core.edit import Edits
from patronus.core.errors import NotFound
from patronus.core.model import Configuration
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Parameters, Result


@dataclass(frozen=True)
class Commit:
    """What came of a submitted change.

    ``generation`` is the number now running; ``warnings`` did not refuse the change; ``changes`` says in
    words what the plan changed; ``confirm_within_s`` is set where the change reverts unless confirmed.
    ``draft``: nothing was committed, the change is in the caller's draft; ``changes`` are all of the draft's,
    and the warnings hold what still refuses it.
    """

    generation: int
    changes: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    confirm_within_s: float | None = None
    draft: bool = False


class CommitReport(Result):
    """A commit in its wire form: what every verb that changes the configuration returns."""

    knows_drafts: ClassVar[bool] = True

    generation: int
    changes: list[str]
    warnings: list[dict[str, Any]]
    confirm_within_s: float | None = None
    draft: bool = Field(default=False, description="whether it went into the caller's draft")

    @classmethod
    def of(cls, commit: Commit) -> CommitReport:
        """Return a commit in its wire form."""
        return cls(
            generation=commit.generation,
            changes=list(commit.changes),
            warnings=[problem.as_data() for problem in commit.warnings],
            confirm_within_s=commit.confirm_within_s,
            draft=commit.draft,
        )


class Change(Parameters):
    """What every change may say beside itself."""

    comment: str | None = Field(default=None, max_length=500, description="why; kept in the history")
    base: int | None = Field(default=None, description="the generation that the caller saw")
    confirm_s: float | None = Field(
        default=None, ge=0, description="revert unless confirmed within so many seconds"
    )


class Control(Protocol):
    """The engine as the features see it. All methods may be called from any thread."""

    @property
    def config(self) -> Configuration:
        """The running configuration; inside a call that asks for the caller's draft, the draft."""

    @property
    def generation(self) -> int:
        """The number of the running generation."""

    def submit(
        self,
        edits: Edits,
        caller: Caller,
        *,
        comment: str = "",
        base: int | None = None,
        confirm_s: float | None = None,
        dry_run: bool = False,
    ) -> Commit:
        """Take the change through the whole walk.

        ``base``: the generation that the caller saw (None: the running one). ``confirm_s``: revert
        unless confirmed within so many seconds; None takes the default for the caller. ``dry_run`` stops
        before anything is written. Raises InvalidConfiguration, Conflict, KernelError, StorageError.
        """

    def refresh(self, reason: str) -> None:
        """Plan and apply the running configuration again because a feature's facts have changed."""

    def publish(self, event: Event) -> None:
        """Put an event on the bus."""

    def observe(self, observer: Callable[[Event], None]) -> None:
        """Call ``observer`` with each event from now on, in the publisher's thread; it must be quick."""


def commit(control: Control, edits: Edits, caller: Caller, given: Change, comment: str) -> CommitReport:
    """Take edits through the walk; what the caller says about them goes before our own comment.

    Raises what ``Control.submit`` does.
    """
    said = given.comment or comment
    return CommitReport.of(
        control.submit(edits, caller, comment=said, base=given.base, confirm_s=given.confirm_s)
    )


class RuntimeState(Protocol):
    """Small durable values that are not configuration: timed blocks, learned addresses."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the JSON value stored under ``key``."""

    def put(self, key: str, value: Any) -> None:
        """Store a JSON value durably (on disk when this returns). Raises StorageError."""


class Secrets(Protocol):
    """Secrets that a person gave the router, by name: ``secrets.vault.Vault``."""

    def versions(self) -> Mapping[str, str]:
        """Return name → what changes whenever the secret is written; opens none."""

    def read(self, name: str) -> bytes:
        """Return a secret. Raises NotFound, StorageError where it is damaged, Unavailable while locked."""


class NoSecrets:
    """A router that was given none."""

    def versions(self) -> Mapping[str, str]:
        """Return that there are none."""
        return {}

    def read(self, name: str) -> bytes:
        """Raise NotFound."""
        raise NotFound(f"there is no secret {name}")


class Clock(Protocol):
    """Time that cannot be set: all deadlines use it."""

    @property
    def boot_id(self) -> str:
        """The kernel's random name of this boot."""

    def boottime(self) -> float:
        """Return seconds since boot, suspend included (CLOCK_BOOTTIME)."""

    def wall(self) -> float:
        """Return seconds since the epoch, never before the build of the image."""
