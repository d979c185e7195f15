# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine: takes every change through the whole walk, and back where it fails or nobody confirms it.

The daemon hands it to the features as ``core.control.Control``. One change at a time; readers never wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from patronus.core.blame import conflict
from patronus.core.boot import FALLBACK, Boot, BootReport
from patronus.core.bus import Event
from patronus.core.candidate import Clashing, candidate
from patronus.core.changes import said
from patronus.core.chronicle import ENGINE, Chronicle
from patronus.core.committer import Committer
from patronus.core.confirm import Pending
from patronus.core.control import Commit
from patronus.core.drafting import Drafting, DraftView
from patronus.core.drafts import BY_HAND, seeing, seen
from patronus.core.drift import Drifts
from patronus.core.edit import Edits, PutFile
from patronus.core.errors import NotFound
from patronus.core.events import ConfigReverted
from patronus.core.feature import Difference, refusing
from patronus.core.generations import Manifest
from patronus.core.kept_start import Keeping
from patronus.core.model import Configuration
from patronus.core.parts import Parts, tolerated, warning
from patronus.core.preview import Preview, Previewer
from patronus.core.publish import Publisher
from patronus.core.refresh import Refresher
from patronus.core.revert import UNCONFIRMED, Confirmation
from patronus.core.running import Runner
from patronus.core.schema import Texts
from patronus.core.turn import Turn
from patronus.core.verb import Caller


class Engine:
    """Owns the running configuration. All methods may be called from any thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._schema = parts.schema()
        self._turn = Turn()
        self._walk = parts.walk(self._turn.step)
        self._keeping = Keeping(parts.kept_start, parts.generations, parts.on_settled, self._turn)
        self._runner = Runner(self._walk, self._keeping.unsettled, self._keeping.settled)
        self._chronicle = Chronicle(parts, self._turn)
        publisher = Publisher(parts, self._runner)
        self._committer = Committer(
            parts, self._schema, self._walk, self._runner, publisher, self._turn, self._chronicle
        )
        self._confirmation = Confirmation(
            parts, self._runner, publisher, self._chronicle, self._committer.prepare
        )
        self._refresher = Refresher(parts, self._walk, self._runner, self._chronicle, self._turn)
        self._drifts = Drifts()
        self._previewer = Previewer(self._walk, self._runner, self._committer)
        self.drafts = Drafting(parts, self._schema, self._walk, self._runner, self._turn)

    @property
    def config(self) -> Configuration:
        """The running configuration; inside ``seeing(owner)`` that of their draft. Raises Unavailable."""
        owner = seen()
        draft = None if owner is None else self.drafts.get(owner)
        return self._runner.running.loaded.config if draft is None else self.drafts.config(draft)

    @property
    def generation(self) -> int:
        """The number of the running generation; 0 where the disk did not take it. Raises Unavailable."""
        return self._runner.running.number

    @property
    def texts(self) -> dict[str, str]:
        """The files of the running generation."""
        return self._runner.running.loaded.texts

    def boot(self) -> BootReport:
        """Bring up the confirmed generation or what can run in its place. Raises KernelError if none can."""
        with self._turn.taken():
            report = Boot(self._parts, self._schema, self._walk, self._runner).start()
            if report.reverted is not None:
                self._chronicle.say(ConfigReverted(report.reverted, report.generation, UNCONFIRMED))
            details = {"generation": report.generation, "messages": list(report.messages)}
            complaints = self._chronicle.record("engine.Boot", ENGINE, "ok", details)
            self._chronicle.deadline()
            return replace(report, messages=report.messages + tuple(complaints))

    def submit(
        self,
        edits: Edits | Callable[[], Edits],
        caller: Caller,
        *,
        comment: str = "",
        base: int | None = None,
        confirm_s: float | None = None,
        dry_run: bool = False,
    ) -> Commit:
        """Take the change through the whole walk; see ``core.control.Control``. ``confirm_s`` 0: it stays.

        Edits that depend on what runs come as a function: it is called when the change has its turn.
        """
        asked = edits if callable(edits) else lambda: edits
        if caller.draft and not dry_run:
            return self._kept(self.drafts.edit(caller.account, asked()))

        def change() -> Commit:
            texts = self._candidate(asked(), caller, base)
            return self._committer.commit(texts, caller, comment, confirm_s, dry_run=dry_run)

        with seeing(None):
            return self._committer.change("config.Submit", caller, change, dry_run=dry_run)

    def preview(
        self, edits: Edits, caller: Caller, *, base: int | None = None, confirm_s: float | None = None
    ) -> Preview:
        """Say what the change would do and mean, and make nothing of it. Raises what submit raises."""
        with self._turn.taken(), seeing(None):
            return self._previewer.preview(self._candidate(edits, caller, base), caller, confirm_s)

    def _candidate(self, edits: Edits, caller: Caller, base: int | None) -> Texts:
        """Return the texts after the edits, on top of the caller's draft where they work in it."""
        running = self.texts
        if caller.draft:
            draft = self.drafts.get(caller.account)
            texts = running if draft is None else self.drafts.merged_texts(draft)
            return candidate(self._schema, texts, texts, edits)
        current = base is None or base == self.generation
        seen_texts = running if current else self._parts.texts_of(base or 0)
        try:
            return candidate(self._schema, running, seen_texts, edits)
        except Clashing as clashing:
            raise conflict(self._parts.generations, self.generation, clashing) from clashing

    def commit_draft(
        self, owner: str, caller: Caller, *, comment: str = "", confirm_s: float | None = None
    ) -> Commit:
        """Make a draft one change, on top of what others did meanwhile, and end it.

        Raises NotFound where there is no draft, Conflict where others changed the same, and what submit
        raises; then the draft stays.
        """

        def change() -> Commit:
            draft = self.drafts.get(owner)
            if draft is None:
                raise NotFound(f"{owner} has no draft")
            texts = self.drafts.merged_texts(draft)
            commit = self._committer.commit(texts, caller, comment, confirm_s)
            complaints = tolerated(lambda: self.drafts.discard(owner))
            return replace(commit, warnings=(*commit.warnings, *map(warning, complaints)))

        with seeing(None):
            return self._committer.change("config.CommitDraft", caller, change)

    def _kept(self, view: DraftView) -> Commit:
        return Commit(self.generation, said(view.changes), view.problems, draft=True)

    def rollback(self, number: int, caller: Caller, *, confirm_s: float | None = None) -> Commit:
        """Make the files of an older generation a new generation. Raises NotFound, and what submit raises."""
        if caller.draft:
            texts = self._parts.texts_of(number)
            now = self.drafts.own_texts(self.drafts.start(caller.account))
            return self._kept(self.drafts.edit(caller.account, _replacing(now, texts)))

        def change() -> Commit:
            texts = self._parts.texts_of(number)
            return self._committer.commit(texts, caller, f"back to generation {number}", confirm_s)

        return self._committer.change("config.Rollback", caller, change)

    def working_edits(self, base: int | None = None) -> Edits:
        """Return what the files in /etc/patronus change of the generation ``base``; None: the running one.

        Raises NotFound, StorageError.
        """
        seen_texts = self.texts if base is None else self._parts.texts_of(base)
        return _replacing(seen_texts, self._parts.working.read())

    def hand_edits(self) -> Edits:
        """Return what people changed in /etc/patronus and nobody loaded. Raises StorageError."""
        with self._turn.taken():
            return self.working_edits()

    def hand_editor(self, edits: Edits) -> str:
        """Return the user whose file was edited last, ``by hand`` where that cannot be told."""
        names = [edit.file for edit in edits if isinstance(edit, PutFile) and edit.text is not None]
        return self._parts.working.editor(names) or BY_HAND

    @property
    def working_root(self) -> Path:
        """The folder that people edit."""
        return self._parts.working.root

    def load_working_copy(
        self,
        caller: Caller,
        *,
        comment: str = "",
        base: int | None = None,
        confirm_s: float | None = None,
        dry_run: bool = False,
    ) -> Commit:
        """Take the files in /etc/patronus, the whole tree, as a change of the generation ``base``."""

        def edits() -> Edits:
            return self.working_edits(base)

        return self.submit(edits, caller, comment=comment, base=base, confirm_s=confirm_s, dry_run=dry_run)

    def check(self, edits: Edits, caller: Caller) -> Commit:
        """Say what the change would do and write nothing. Raises what submit raises."""
        return self.submit(edits, caller, dry_run=True)

    def confirm(self, caller: Caller) -> int:
        """Keep the change that waits for it; return its generation. Raises NotFound where none waits."""
        with self._turn.taken():
            return self._confirmation.confirm(caller)

    def pending(self) -> Pending | None:
        """Return the change that waits for confirmation, if any; ``remaining_s(clock)`` tells how long."""
        return self._confirmation.pending()

    def revert_if_due(self) -> bool:
        """Go back to the confirmed generation if the deadline has passed; return whether it had.

        For the daemon's timer, which ``Parts.on_deadline`` sets; also after a failure, then raised as
        KernelError or StorageError.
        """
        with self._turn.taken():
            return self._confirmation.revert_if_due()

    def refresh(self, reason: str) -> None:
        """Plan and apply the running configuration again because a feature's facts have changed.

        Asked for from within a change, it happens right after. One that fails is tried again by itself.
        Raises InvalidConfiguration, KernelError.
        """
        self._refresher.refresh(reason)

    def refresh_if_owed(self) -> bool:
        """Try a refresh that failed again; for the daemon's timer. Raises what refresh raises."""
        return self._refresher.again()

    def observe(self) -> list[Difference]:
        """Read the world back and return how it differs from what runs; what is new becomes an event."""
        with self._turn.taken():
            found = self._walk.observe(self._runner.running.plans)
            for event in self._drifts.seen(found):
                self._chronicle.say(event)
            if not refusing(found):
                self._keeping.settled()
            return found

    def keep_head_start(self) -> None:
        """Keep what the next boot loads before the daemon, if that is owed: for the daemon's timer and end.

        Raises StorageError, KernelError, InvalidConfiguration; then nothing is kept.
        """
        self._keeping.keep(lambda: self._runner.running, self._walk, fallback=FALLBACK)

    def notice(self) -> str | None:
        """Return what a person should know now, in words, None where there is nothing."""
        found = [self._parts.generations.complaint]
        if self._refresher.owed is not None:
            found.append(
                f"what has changed could not be applied yet, and is tried again: {self._refresher.owed}"
            )
        if self.drafts.kept(BY_HAND):
            found.append("edits of the configuration's files were refused: patronus config check says why")
        return "; ".join(text for text in found if text is not None) or None

    def gets_on(self, patience_s: float) -> bool:
        """Return whether changes are possible or one is under way and gets on; False: something hangs."""
        return self._turn.gets_on(patience_s)

    def publish(self, event: Event) -> None:
        """Put an event on the bus."""
        self._parts.bus.publish(event)

    def log(self, count: int = 100) -> list[Manifest]:
        """Return the manifests of the newest generations, newest first."""
        return self._parts.generations.log(count)

    def show(self, number: int) -> Mapping[str, str]:
        """Return the files of a generation. Raises NotFound, StorageError."""
        return self._parts.generations.read(number).texts

    def diff(self, old: int, new: int) -> str:
        """Return the unified diff between two generations. Raises NotFound, StorageError."""
        return self._parts.generations.diff(old, new)

    def confirmed(self) -> int | None:
        """Return the number of the confirmed generation."""
        return next(iter(self._parts.generations.confirmed()), None)

    def json_schema(self) -> dict[str, Any]:
        """Return section → JSON Schema of its file."""
        return self._schema.json_schema()


def _replacing(old: Texts, new: Texts) -> Edits:
    """Return the edits of whole files that make one tree of another."""
    edits = [PutFile(name, text) for name, text in new.items() if old.get(name) != text]
    return edits + [PutFile(name, None) for name in old if name not in new]
