# SPDX-License-Identifier: GPL-2.0-or-later
"""The feature ``gitops``: its section, and the timer that lets the other process look for new commits."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from patronus.core.errors import KernelError, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.model import Configuration
from patronus.core.problem import Problem, Severity
from patronus.daemon.gitops.check import Programs, check
from patronus.daemon.gitops.model import SECTION, GitOps
from patronus.kernel.host import Host

log = logging.getLogger(__name__)

TIMER = "patronus-gitops.timer"


@dataclass(frozen=True)
class GitOpsPlan(Plan):
    """Whether to look for new commits; ``missing`` names a package without which that cannot be."""

    wanted: bool = False
    missing: str | None = None

    @property
    def runs(self) -> bool:
        """Whether the timer shall run."""
        return self.wanted and self.missing is None


class GitOpsFeature(Feature[GitOpsPlan, Programs]):
    """Starts and stops the timer; a router routes as well without it."""

    name = "gitops"
    sections = (SECTION,)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._refused: str | None = None

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with the section."""
        return check(config)

    def facts(self) -> Programs:
        """Find the programs."""
        return Programs(
            git=find_spec("dulwich") is not None,
            ssh=shutil.which("ssh") is not None,
            keygen=shutil.which("ssh-keygen") is not None,
        )

    def plan(self, config: Configuration, facts: Programs, earlier: Earlier) -> GitOpsPlan:  # noqa: ARG002
        """Return whether the timer shall run."""
        gitops = config.get(GitOps)
        return GitOpsPlan(wanted=gitops.url is not None, missing=facts.missing(gitops))

    def rehearse(self, plan: GitOpsPlan) -> Iterator[Problem]:
        """Warn where this image lacks what the section needs; another image of the router may have it."""
        if plan.wanted and plan.missing:
            yield Problem(
                ("gitops", "url"),
                f"nothing will be fetched: this image lacks {plan.missing}",
                hint="the profile standard has it",
                severity=Severity.WARNING,
            )

    def steps(self, plan: GitOpsPlan, running: GitOpsPlan | None) -> Iterator[Step]:
        """Start or stop the timer where that changes."""
        before = running is not None and running.runs
        if plan.runs != before:
            yield Step(
                f"{'start' if plan.runs else 'stop'} looking for commits",
                do=lambda: self._switch(on=plan.runs),
                undo=lambda: self._switch(on=before),
            )

    def _switch(self, *, on: bool) -> None:
        """Start or stop the timer; that it cannot be is said, and keeps nobody from routing."""
        self._refused = None
        try:
            (self._host.units.start if on else self._host.units.stop)(TIMER)
        except (KernelError, Unavailable) as error:
            self._refused = str(error)
            log.error("%s cannot be %s: %s", TIMER, "started" if on else "stopped", error)

    def observe(self, plan: GitOpsPlan) -> Iterable[Difference]:  # noqa: ARG002
        """Find nothing: a timer that does not run is told by ``notice``, and refuses no change."""
        return ()

    def notice(self) -> str | None:
        """Return what a person should know: that nobody looks into the repository."""
        return (
            f"nobody looks into the repository of the configuration: {self._refused}"
            if self._refused
            else None
        )


def create(host: Host) -> GitOpsFeature:
    """Make the feature; called once by the daemon."""
    return GitOpsFeature(host)
