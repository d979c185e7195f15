# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on the repository: for people status, diff and sync; for the fetching process its five."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from patronus.core.engine import Engine
from patronus.core.errors import NotFound, NotPermitted, StorageError, Unavailable
from patronus.core.verb import Caller, Done, Grant, Nothing, Role, Verb
from patronus.daemon.gitops.events import FetchFailed
from patronus.daemon.gitops.judge import USER, Judge
from patronus.daemon.gitops.model import LogIn
from patronus.daemon.gitops.verbs import (
    Applied,
    Ask,
    CommitInfo,
    Decision,
    Difference,
    Healthy,
    Instructions,
    Made,
    Named,
    Offered,
    Report,
    Status,
    Word,
)
from patronus.kernel.host import Host

SERVICE = "patronus-gitops.service"
LONGEST_WAIT_S = 3600.0
"""Until a repository that cannot be reached is tried again, at most."""
OWN = ("gitops.Instructions", "gitops.Offer", "gitops.Apply", "gitops.Confirm", "gitops.Report")
GRANT = Grant("gitops", Role.NONE, OWN)
"""What the fetching process may: its own verbs, and nothing else."""


@dataclass
class Runs:
    """How the runs of the process went, since the daemon started; times in seconds since boot."""

    count: int = 0
    failures: int = 0
    error: str | None = None
    fetched: float | None = None
    next_at: float = 0.0
    asked: bool = False
    apply: bool = False
    deploy_key: str | None = None


class RepositoryVerbs:
    """Makes the verbs."""

    def __init__(self, engine: Engine, host: Host) -> None:
        self._engine = engine
        self._host = host
        self._judge = Judge(engine, host.state, host.clock)
        self._runs = Runs()
        self._lock = threading.Lock()
        host.control.observe(self._judge.take)

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs; the process's own have no REST form."""
        admin = Role.ADMIN
        return [
            Verb("gitops.Status", Nothing, Status, self.status, route="GET /gitops"),
            Verb("gitops.Diff", Nothing, Difference, self.diff, Role.OPERATOR, "GET /gitops/diff"),
            Verb("gitops.Sync", Ask, Done, self.sync, admin, "POST /gitops/sync", changes=True),
            Verb("gitops.Instructions", Nothing, Instructions, self.instructions, admin),
            Verb("gitops.Offer", Offered, Decision, self.offer, admin),
            Verb("gitops.Apply", Named, Made, self.apply, admin, changes=True),
            Verb("gitops.Confirm", Healthy, Done, self.confirm, admin, changes=True),
            Verb("gitops.Report", Report, Done, self.report, admin),
        ]

    def status(self, caller: Caller, given: Nothing) -> Status:  # noqa: ARG002
        """Tell how this router and its git repository stand to each other, and what went wrong last."""
        gitops, record, runs = self._judge.gitops, self._judge.record, self._runs
        offer, failure = self._judge.offer, record.failure
        failed = offer is not None and failure is not None and failure.commit == offer.given.commit
        error = runs.error or (failure.reason if failed and failure else None)
        return Status(
            state=self._word(),
            url=gitops.url,
            branch=gitops.branch,
            folder=gitops.folder,
            mode=gitops.mode,
            signed=bool(gitops.signers),
            deploy_key=runs.deploy_key,
            newest=None if offer is None else _commit(offer.given),
            applied=None
            if record.applied is None
            else Applied(
                commit=record.applied.commit, generation=record.applied.generation, time=record.applied.time
            ),
            drift=self._judge.drift(),
            problems=[] if offer is None else list(offer.problems),
            changes=[] if offer is None else list(offer.changes),
            error=error,
            fetched=runs.fetched,
            next_in_s=None if gitops.url is None else max(0.0, runs.next_at - self._host.clock.boottime()),
            runs=runs.count,
        )

    def _word(self) -> Word:
        if self._judge.gitops.url is None:
            return "off"
        if self._judge.waiting() is not None:
            return "applying"
        if self._runs.failures:
            return "unreachable"
        if self._runs.error is not None:
            return "refused"
        return "waiting" if self._judge.offer is None else self._standing(self._judge.offer.given.commit)

    def _standing(self, commit: str) -> Word:
        record, offer = self._judge.record, self._judge.offer
        if (offer is not None and offer.problems) or (
            record.failure is not None and record.failure.commit == commit
        ):
            return "refused"
        if record.applied is None or record.applied.commit != commit:
            return "behind"
        return "drifted" if self._judge.drift() else "in-sync"

    def diff(self, caller: Caller, given: Nothing) -> Difference:  # noqa: ARG002
        """Show what applying the repository's newest commit would change; nothing is written."""
        commit, diff = self._judge.difference()
        offer = self._judge.offer
        return Difference(
            commit=commit,
            diff=diff,
            changes=[] if offer is None else list(offer.changes),
            problems=[] if offer is None else list(offer.problems),
        )

    def sync(self, caller: Caller, given: Ask) -> Done:  # noqa: ARG002
        """Look into the repository now; with ``apply``, also take its newest commit."""
        with self._lock:
            self._runs.asked, self._runs.apply = True, given.apply
        self._host.units.start(SERVICE)
        return Done()

    def instructions(self, caller: Caller, given: Nothing) -> Instructions:  # noqa: ARG002
        """Tell the fetching process what to do."""
        _only_the_process(caller)
        gitops, record = self._judge.gitops, self._judge.record
        now = self._host.clock.boottime()
        with self._lock:
            due = gitops.url is not None and (self._runs.asked or now >= self._runs.next_at)
            if due:
                self._runs.asked, self._runs.next_at = False, now + gitops.interval
        return Instructions(
            due=due,
            url=gitops.url,
            branch=gitops.branch,
            folder=gitops.folder,
            signers=gitops.signers,
            rewind=gitops.rewind,
            known_hosts=gitops.known_hosts,
            ca=gitops.ca,
            applied=record.applied.commit if record.applied else None,
            **(self._log_in(gitops.login) if due and gitops.login else {}),
        )

    def _log_in(self, login: LogIn) -> dict[str, str]:
        """Return the fields of the instructions by which the process logs in, or why it cannot."""
        name = login.password.secret
        try:
            password = self._host.secrets.read(name).decode("ascii").strip("\r\n")
        except (NotFound, StorageError, Unavailable) as error:
            return {"trouble": str(error)}
        except UnicodeDecodeError:
            password = ""
        if not password.isprintable() or not password:
            return {"trouble": f"the secret {name} is not one line of printable ASCII"}
        return {"user": login.user, "password": password}

    def offer(self, caller: Caller, given: Offered) -> Decision:
        """Take a commit that was fetched, and say whether to apply it."""
        _only_the_process(caller)
        with self._lock:
            asked, self._runs.apply = self._runs.apply, False
            self._runs.fetched = self._host.clock.wall()
        verdict = self._judge.judge(given, caller, asked=asked)
        return Decision(apply=verdict.apply, reason=verdict.reason)

    def apply(self, caller: Caller, given: Named) -> Made:
        """Make the offered commit the running configuration, until it is confirmed or goes away again."""
        _only_the_process(caller)
        generation, within = self._judge.apply(given.commit, caller)
        return Made(generation=generation, confirm_within_s=within)

    def confirm(self, caller: Caller, given: Healthy) -> Done:
        """Keep the applied commit, if the kernel is as planned."""
        _only_the_process(caller)
        self._judge.confirm(given.commit, given.generation, caller)
        return Done()

    def report(self, caller: Caller, given: Report) -> Done:
        """Take down how a run ended."""
        _only_the_process(caller)
        if given.failed is not None:
            self._judge.fail(given.failed, given.error or "it is not healthy")
        with self._lock:
            runs = self._runs
            fresh = given.error is not None and runs.error != given.error
            runs.count += 1
            runs.error = given.error
            runs.deploy_key = given.deploy_key or runs.deploy_key
            runs.failures = 0 if given.fetched else runs.failures + 1
            if not given.fetched:
                runs.next_at = self._host.clock.boottime() + self._pause_s(runs.failures)
        if fresh and not given.fetched:
            self._engine.publish(FetchFailed(str(given.error)))
        elif fresh and given.failed is None:
            self._judge.refuse("newest", str(given.error))
        return Done()

    def _pause_s(self, failures: int) -> float:
        """Return how long to leave a repository alone that could not be read so many times in a row."""
        interval = float(self._judge.gitops.interval)
        return max(interval, min(interval * 2.0 ** min(failures - 1, 16), LONGEST_WAIT_S))


def _only_the_process(caller: Caller) -> None:
    """Refuse everybody but the process of its own user, on its own socket connection. Raises NotPermitted."""
    if caller.name != USER or caller.session is not None or caller.token is not None:
        raise NotPermitted(f"only the process of {USER} calls this")


def _commit(given: Offered) -> CommitInfo:
    return CommitInfo(
        id=given.commit, author=given.author, time=given.time, subject=given.subject, signer=given.signer
    )
