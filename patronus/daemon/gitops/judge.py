# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a commit that was fetched: checked, compared, applied for a time, kept or left to go."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from patronus.core.bus import Event
from patronus.core.changes import text_diff
from patronus.core.control import Clock, RuntimeState
from patronus.core.edit import Edits, PutFile
from patronus.core.engine import Engine
from patronus.core.errors import Conflict, InvalidConfiguration, InvalidRequest, NotFound, PatronusError
from patronus.core.events import ConfigChanged
from patronus.core.feature import refusing
from patronus.core.problem import Severity
from patronus.core.text import section_of
from patronus.core.verb import Caller
from patronus.core.walk import describe
from patronus.daemon.gitops.events import CommitApplied, CommitRefused, ConfigurationDrifted
from patronus.daemon.gitops.model import GitOps
from patronus.daemon.gitops.record import Applied, Attempt, Memory, Record, fingerprint, source_of
from patronus.daemon.gitops.verbs import LARGEST_FILES, Offered

USER = "patronus-gitops"
"""User of the process that fetches."""
LONGEST_DIFF = 256 * 1024
"""Characters of a diff that are shown."""


@dataclass(frozen=True)
class Offer:
    """The newest commit, and what the engine says of it."""

    source: str
    given: Offered
    problems: tuple[dict[str, Any], ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Whether to apply it now, and why or why not."""

    apply: bool
    reason: str


@dataclass
class Judge:
    """Judges commits. Safe from any thread."""

    engine: Engine
    state: RuntimeState
    clock: Clock
    offer: Offer | None = None
    _told: str | None = None
    _told_drift: list[str] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._memory = Memory(self.state)

    @property
    def gitops(self) -> GitOps:
        """The section as it runs."""
        return self.engine.config.get(GitOps)

    @property
    def record(self) -> Record:
        """What is remembered, after what became of an attempt was seen."""
        with self._lock:
            self._settle()
            return self._memory.record

    def drift(self) -> list[str]:
        """Return the files that were changed here since the commit was applied."""
        return self._memory.record.drift(source_of(self.gitops), self.engine.texts)

    def waiting(self) -> Attempt | None:
        """Return the attempt whose generation waits for confirmation."""
        attempt, pending = self._memory.record.attempt, self.engine.pending()
        return attempt if attempt and pending and pending.generation == attempt.generation else None

    def judge(self, given: Offered, caller: Caller, *, asked: bool) -> Verdict:
        """Check a commit's files and decide. ``asked``: a person wants it now. Raises InvalidRequest."""
        if sum(map(len, given.files.values())) > LARGEST_FILES:
            raise InvalidRequest(
                f"the files of commit {given.commit[:12]} have more than {LARGEST_FILES} characters"
            )
        with self._lock:
            self._settle()
            source = source_of(self.gitops)
            self.offer = Offer(source, given)
            try:
                commit = self.engine.check(self._edits(given.files, source), caller)
            except InvalidConfiguration as error:
                errors = (one for one in error.problems if one.severity is Severity.ERROR)
                problems = tuple(problem.as_data() for problem in errors)
                self.offer = replace(self.offer, problems=problems)
                self.refuse(given.commit, str(error))
                return Verdict(apply=False, reason=f"it has {len(problems)} problems")
            self.offer = replace(self.offer, changes=commit.changes)
            return self._decide(given.commit, source, asked=asked)

    def _decide(self, commit: str, source: str, *, asked: bool) -> Verdict:
        record, gitops = self._memory.record, self.gitops
        same = record.applied is not None and (record.applied.source, record.applied.commit) == (
            source,
            commit,
        )
        drift = record.drift(source, self.engine.texts)
        if same and not drift:
            return Verdict(apply=False, reason="it runs")
        if self.engine.pending() is not None:
            return Verdict(apply=False, reason="another change waits for confirmation")
        if asked:
            return Verdict(apply=True, reason="it was asked for")
        if record.failure is not None and record.failure.commit == commit:
            return Verdict(apply=False, reason=f"it failed before: {record.failure.reason}")
        if same:
            return Verdict(apply=gitops.on_drift == "restore", reason=f"changed here: {', '.join(drift)}")
        return Verdict(apply=gitops.mode == "apply", reason="it is new")

    def apply(self, commit: str, caller: Caller) -> tuple[int, float | None]:
        """Commit the offered files with a time limit; return the generation and the seconds it has.

        Raises NotFound, Conflict, InvalidConfiguration, KernelError, StorageError.
        """
        with self._lock:
            offer = self._offered(commit)
            before, gitops = self.engine.generation, self.gitops
            if self.engine.pending() is not None:
                raise Conflict("another change waits for confirmation")
            try:
                made = self.engine.submit(
                    self._edits(offer.given.files, offer.source), caller,
                    comment=f"commit {commit[:12]}: {offer.given.subject}"[:500],
                    confirm_s=float(gitops.confirm),
                )  # fmt: skip
            except PatronusError as error:
                self._fail(commit, str(error))
                raise
            if made.generation == before:
                self._keep(Applied(offer.source, commit, before, self.clock.wall()), offer.given.files)
                return before, None
            attempt = Attempt(offer.source, commit, made.generation)
            self._memory.keep(replace(self._memory.record, attempt=attempt))
            return made.generation, made.confirm_within_s

    def confirm(self, commit: str, generation: int, caller: Caller) -> None:
        """Keep the attempt, if the kernel is as planned. Raises Conflict, NotFound."""
        with self._lock:
            offer, attempt = self._offered(commit), self.waiting()
            if attempt is None or (attempt.commit, attempt.generation) != (commit, generation):
                raise Conflict(f"generation {generation} does not wait for confirmation")
            if differences := refusing(self.engine.observe()):
                raise Conflict(f"the kernel is not as planned:\n{describe(differences)}")
            self.engine.confirm(caller)
            self._keep(Applied(offer.source, commit, generation, self.clock.wall()), offer.given.files)

    def fail(self, commit: str, reason: str) -> None:
        """Remember that an applied commit is not healthy: nobody confirms it, it reverts, and stays away."""
        with self._lock:
            self._fail(commit, reason)

    def difference(self) -> tuple[str, str]:
        """Return the newest commit and the diff from what runs to its files. Raises NotFound."""
        offer = self.offer
        if offer is None:
            raise NotFound("nothing was fetched yet; run: patronus gitops sync")
        texts = self.engine.texts
        after = dict(texts)
        for edit in self._edits(offer.given.files, offer.source):
            if isinstance(edit, PutFile) and edit.text is None:
                after.pop(edit.file, None)
            elif isinstance(edit, PutFile) and edit.text is not None:
                after[edit.file] = edit.text
        diff = text_diff(texts, after)
        cut = "" if len(diff) <= LONGEST_DIFF else "… the rest is not shown\n"
        return offer.given.commit, diff[:LONGEST_DIFF] + cut

    def take(self, event: Event) -> None:
        """Look whether a change made here touches files of the repository, and say so once."""
        if not isinstance(event, ConfigChanged) or event.actor == USER:
            return
        drift = self.drift()
        if drift and drift != self._told_drift:
            self.engine.publish(ConfigurationDrifted(tuple(drift), event.actor))
        self._told_drift = drift

    def _offered(self, commit: str) -> Offer:
        if self.offer is None or self.offer.given.commit != commit:
            raise NotFound(f"commit {commit[:12]} is not the one that was offered last")
        return self.offer

    def _edits(self, files: Mapping[str, str], source: str) -> Edits:
        """Return the edits that make the files run; what the last commit had and this has not is removed.

        Files that never came from the repository stay as they are.
        """
        texts, applied = self.engine.texts, self._memory.record.applied
        sections = {section_of(name) for name in files}
        known = set(applied.hashes) if applied is not None and applied.source == source else set()
        gone = [
            name for name in texts if name not in files and (name in known or section_of(name) in sections)
        ]
        changed = [PutFile(name, text) for name, text in files.items() if texts.get(name) != text]
        return [*(PutFile(name, None) for name in gone), *changed]

    def _settle(self) -> None:
        """See what became of an attempt that no longer waits: somebody confirmed it, or it went away."""
        record = self._memory.record
        attempt = record.attempt
        if attempt is None or self.waiting() is not None:
            return
        if self.engine.generation == attempt.generation:
            files = self.offer.given.files if self.offer and self.offer.given.commit == attempt.commit else {}
            self._keep(Applied(attempt.source, attempt.commit, attempt.generation, self.clock.wall()), files)
        else:
            self._fail(attempt.commit, "it was not found healthy in time, and went away again")

    def _keep(self, applied: Applied, files: Mapping[str, str]) -> None:
        texts = self.engine.texts
        hashes = {name: fingerprint(texts[name]) for name in files if name in texts}
        self._memory.keep(self._memory.record.with_applied(replace(applied, hashes=hashes)))
        self._told_drift = []
        self.engine.publish(CommitApplied(applied.commit, applied.generation))

    def _fail(self, commit: str, reason: str) -> None:
        self._memory.keep(self._memory.record.with_failure(commit, reason[:2000]))
        self.refuse(commit, reason)

    def refuse(self, commit: str, reason: str) -> None:
        """Tell once that a commit is not taken."""
        if self._told != f"{commit} {reason}":
            self._told = f"{commit} {reason}"
            self.engine.publish(CommitRefused(commit, reason[:2000]))
