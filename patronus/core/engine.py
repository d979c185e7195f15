# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine: takes every change through the whole walk, and back where it fails or nobody confirms it.

The daemon hands it to the features as ``core.control.Control``. One change at a time; readers never wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from patronus.core.boot import Boot, BootReport
from patronus.core.bus import Event
from patronus.core.candidate import candidate, with_ids
from patronus.core.changes import changes
from patronus.core.chronicle import ENGINE, Chronicle
from patronus.core.confirm import Pending
from patronus.core.control import Commit
from patronus.core.edit import Edits, PutFile
from patronus.core.errors import Conflict, KernelError, PatronusError, StorageError
from patronus.core.events import ApplyFailed, ConfigChanged, ConfigReverted
from patronus.core.feature import Difference
from patronus.core.generations import Manifest
from patronus.core.model import Configuration
from patronus.core.parts import Parts, accept, warning
from patronus.core.publish import Publisher
from patronus.core.revert import UNCONFIRMED, Confirmation
from patronus.core.running import Runner, Running
from patronus.core.schema import Loaded, Texts
from patronus.core.turn import Turn
from patronus.core.verb import Caller
from patronus.core.walk import Prepared


class Engine:
    """Owns the running configuration. All methods may be called from any thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._schema = parts.schema()
        self._turn = Turn()
        self._walk = parts.walk(self._turn.step)
        self._runner = Runner(self._walk)
        self._publisher = Publisher(parts, self._runner)
        self._chronicle = Chronicle(parts, self._turn)
        self._confirmation = Confirmation(
            parts, self._runner, self._publisher, self._chronicle, self._prepare
        )

    @property
    def config(self) -> Configuration:
        """The running configuration. Raises Unavailable before the boot."""
        return self._runner.running.loaded.config

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
        edits: Edits,
        caller: Caller,
        *,
        comment: str = "",
        base: int | None = None,
        confirm_s: float | None = None,
        dry_run: bool = False,
    ) -> Commit:
        """Take the change through the whole walk; see ``core.control.Control``. ``confirm_s`` 0: it stays."""

        def change() -> Commit:
            running = self.texts
            seen = (
                running if base in (None, self.generation) else self._parts.generations.read(base or 0).texts
            )
            texts = candidate(self._schema, running, seen, edits)
            return self._commit(texts, caller, comment, confirm_s, dry_run=dry_run)

        return self._change("config.Submit", caller, change, dry_run=dry_run)

    def rollback(self, number: int, caller: Caller, *, confirm_s: float | None = None) -> Commit:
        """Make the files of an older generation a new generation. Raises NotFound, and what submit raises."""

        def change() -> Commit:
            texts = self._parts.generations.read(number).texts
            return self._commit(texts, caller, f"back to generation {number}", confirm_s)

        return self._change("config.Rollback", caller, change)

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
        there = self._parts.working.read()
        seen = self.texts if base is None else self._parts.generations.read(base).texts
        edits = [PutFile(name, text) for name, text in there.items() if seen.get(name) != text]
        edits += [PutFile(name, None) for name in seen if name not in there]
        return self.submit(edits, caller, comment=comment, base=base, confirm_s=confirm_s, dry_run=dry_run)

    def check(self, edits: Edits, caller: Caller) -> Commit:
        """Say what the change would do and write nothing. Raises what submit raises."""
        return self.submit(edits, caller, dry_run=True)

    def _change(
        self, action: str, caller: Caller, change: Callable[[], Commit], *, dry_run: bool = False
    ) -> Commit:
        """Run a change as the one writer, and put into the audit log whatever came of it."""
        with self._turn.taken() as nested:
            if nested:
                raise Conflict("another change is being applied")
            if dry_run:
                return change()
            try:
                commit = change()
            except Exception as error:
                code = error.code if isinstance(error, PatronusError) else type(error).__name__
                for complaint in self._chronicle.record(action, caller, code, {"error": str(error)[:2000]}):
                    error.add_note(complaint)
                raise
            details = {"generation": commit.generation, "changes": list(commit.changes)}
            complaints = self._chronicle.record(action, caller, "ok", details)
            return replace(commit, warnings=(*commit.warnings, *map(warning, complaints)))

    def _commit(
        self, texts: Texts, caller: Caller, comment: str, confirm_s: float | None, *, dry_run: bool = False
    ) -> Commit:
        before = self._runner.running
        loaded, prepared = self._prepare(texts, before.loaded)
        said = changes(before.loaded.config, loaded.config)
        within = self._confirm_within(caller, confirm_s)
        commit = Commit(before.number, said, prepared.warnings, within)
        if dry_run:
            return commit
        if loaded.texts == before.loaded.texts:
            return replace(commit, confirm_within_s=None)
        manifest = self._parts.manifest(before.number, caller.name, comment)
        try:
            number, complaints = self._publisher.publish(manifest, loaded, prepared.plans, within)
        except (KernelError, StorageError) as error:
            self._chronicle.say(ApplyFailed(before.number, str(error), self._runner.restored))
            raise
        self._chronicle.deadline()
        self._chronicle.say(ConfigChanged(caller.name, before.number, number, said, within))
        return replace(commit, generation=number, warnings=(*commit.warnings, *map(warning, complaints)))

    def _prepare(self, texts: Texts, previous: Loaded) -> tuple[Loaded, Prepared]:
        loaded = with_ids(accept(self._schema, self._walk, texts, previous))
        prepared = self._walk.prepare(loaded.config)
        new = [name for name in loaded.unread if previous.texts.get(name) != texts[name]]
        said = (warning(f"{name} is kept, but no plugin reads it") for name in new)
        return loaded, replace(prepared, warnings=(*prepared.warnings, *said))

    def _confirm_within(self, caller: Caller, confirm_s: float | None) -> float | None:
        if confirm_s is None:
            confirm_s = self._parts.confirm_default() if caller.remote else 0.0
        return confirm_s if confirm_s > 0 else None

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

        Asked for from within a change, it happens right after. Raises InvalidConfiguration, KernelError.
        """
        with self._turn.taken() as nested:
            if nested:
                self._turn.afterwards(lambda: self._refresh_later(reason))
                return
            running = self._runner.running
            try:
                prepared = self._walk.prepare(running.loaded.config)
                self._runner.change_to(Running(running.number, running.loaded, prepared.plans))
            except PatronusError as error:
                self._chronicle.say(ApplyFailed(running.number, f"{reason}: {error}", self._runner.restored))
                raise

    def _refresh_later(self, reason: str) -> None:
        """Refresh after the turn; a failure has been said as an event, and there is nobody else to tell."""
        try:
            self.refresh(reason)
        except PatronusError:
            return

    def observe(self) -> list[Difference]:
        """Read the world back and return how it differs from what runs."""
        with self._turn.taken():
            return self._walk.observe(self._runner.running.plans)

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
