# SPDX-License-Identifier: GPL-2.0-or-later
"""Parameters and results of the verbs on the repository: those for people, those for the fetching process."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from patronus.core.verb import Parameters, Result

LARGEST_FILES = 4 << 20
"""Characters of all files of a commit: 10,000 rules are 1.5 million."""
MOST_FILES = 200


class CommitInfo(Result):
    """A commit of the repository."""

    id: str
    author: str
    time: float = Field(description="when it was made, seconds since the epoch; the author says so")
    subject: str
    signer: str | None = Field(
        default=None, description="whose valid signature it has, null where none was asked"
    )


class Applied(Result):
    """The commit that was applied last and stayed."""

    commit: str
    generation: int
    time: float


Word = Literal["off", "waiting", "unreachable", "refused", "applying", "drifted", "behind", "in-sync"]


class Status(Result):
    """How this router and its repository stand to each other."""

    state: Word = Field(
        description="off: no repository is named; waiting: nothing was fetched yet; refused: the newest "
        "commit cannot be taken, or went away again; drifted: files were changed here; behind: not applied"
    )
    url: str | None = None
    branch: str
    folder: str | None = None
    mode: str
    signed: bool = Field(description="whether a commit needs a signature")
    deploy_key: str | None = Field(
        default=None, description="public key by which this router logs in over ssh"
    )
    newest: CommitInfo | None = Field(
        default=None, description="the branch's newest commit as it was fetched"
    )
    applied: Applied | None = None
    drift: list[str] = Field(
        default=[], description="files that are no longer as the applied commit has them"
    )
    problems: list[dict[str, Any]] = Field(
        default=[], description="what is wrong with the newest commit's files"
    )
    changes: list[str] = Field(default=[], description="what the newest commit would change")
    error: str | None = Field(
        default=None, description="what went wrong last; null after a run that went well"
    )
    fetched: float | None = Field(
        default=None, description="when the repository was read last, seconds since the epoch"
    )
    next_in_s: float | None = None
    runs: int = Field(description="runs since the daemon started, whatever came of them")


class Difference(Result):
    """What applying the newest commit would change."""

    commit: str
    diff: str = Field(description="unified diff from the running files to the commit's")
    changes: list[str]
    problems: list[dict[str, Any]]


class Ask(Parameters):
    """How to look."""

    apply: bool = Field(
        default=False,
        description="apply the newest commit, whatever `mode` says, and also one that failed before",
    )


class Instructions(Result):
    """What the fetching process shall do."""

    due: bool
    url: str | None = None
    branch: str = "main"
    folder: str | None = None
    signers: tuple[str, ...] = ()
    rewind: bool = False
    known_hosts: tuple[str, ...] = ()
    ca: str | None = None
    applied: str | None = None
    user: str | None = None
    password: str | None = Field(default=None, description="for the process alone, which keeps it nowhere")
    trouble: str | None = Field(default=None, description="why there can be no run, null where it can")


class Offered(Parameters):
    """A commit that was fetched, and whose signature is good where one is asked."""

    commit: str = Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")
    author: str = Field(max_length=500)
    time: float
    subject: str = Field(max_length=500)
    signer: str | None = Field(default=None, max_length=200)
    files: dict[str, str] = Field(max_length=MOST_FILES)


class Decision(Result):
    """What becomes of the offered commit."""

    apply: bool
    reason: str


class Named(Parameters):
    """Names the offered commit."""

    commit: str


class Made(Result):
    """The generation that the commit became; without ``confirm_within_s`` nothing had to change."""

    generation: int
    confirm_within_s: float | None = None


class Healthy(Parameters):
    """Names the generation that was found healthy from outside the daemon."""

    commit: str
    generation: int


class Report(Parameters):
    """How a run of the process ended."""

    error: str | None = Field(default=None, max_length=4000)
    fetched: bool = Field(default=True, description="whether the repository could be read")
    failed: str | None = Field(default=None, description="the applied commit that is not healthy")
    deploy_key: str | None = Field(default=None, max_length=500)
