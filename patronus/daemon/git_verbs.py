# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that gives the history to git."""

from __future__ import annotations

from base64 import b64encode
from threading import Lock
from typing import Any

from pydantic import Field

from patronus.core.engine import Engine
from patronus.core.verb import Caller, Nothing, Result, Role, Verb
from patronus.daemon.git_history import GitHistory


class Exported(Result):
    """The history as a git bundle."""

    head: str = Field(description="the commit of the running generation")
    generations: list[int] = Field(description="those that are in it, each with the tag gN")
    left_out: list[int] = Field(description="those that are not whole")
    bundle: str = Field(description="the bundle in base64: write it to a file, then git clone that")


class GitVerbs:
    """Makes the verb."""

    def __init__(self, engine: Engine, history: GitHistory) -> None:
        self._engine = engine
        self._history = history
        self._one_at_a_time = Lock()

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verb."""
        return [
            Verb("config.ExportGit", Nothing, Exported, self.export_git, Role.OPERATOR, "GET /config/git")
        ]

    def export_git(self, caller: Caller, given: Nothing) -> Exported:  # noqa: ARG002
        """Return the history as a git repository in one file, a bundle; nothing secret is in it."""
        with self._one_at_a_time:
            found = self._history.export(self._engine.generation)
        return Exported(
            head=found.head,
            generations=list(found.generations),
            left_out=list(found.left_out),
            bundle=b64encode(found.bundle).decode(),
        )
