# SPDX-License-Identifier: GPL-2.0-or-later
"""A change of the running configuration from texts to a generation, and the record of what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from patronus.core.candidate import with_ids
from patronus.core.changes import differences, said
from patronus.core.chronicle import Chronicle
from patronus.core.control import Commit
from patronus.core.errors import Conflict, KernelError, PatronusError, StorageError
from patronus.core.events import ApplyFailed, ConfigChanged
from patronus.core.parts import Parts, accept, warning
from patronus.core.publish import Publisher
from patronus.core.running import Runner
from patronus.core.schema import Loaded, Schema, Texts
from patronus.core.turn import Turn
from patronus.core.verb import Caller
from patronus.core.walk import Prepared, Walk


class Committer:
    """Takes changes one at a time; whoever calls ``commit`` has the turn, through ``change``."""

    def __init__(
        self, parts: Parts, schema: Schema, walk: Walk, runner: Runner, publisher: Publisher, turn: Turn,
        chronicle: Chronicle,
    ) -> None:  # fmt: skip
        self._parts = parts
        self._schema = schema
        self._walk = walk
        self._runner = runner
        self._publisher = publisher
        self._turn = turn
        self._chronicle = chronicle

    def change(
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
            details = {"generation": commit.generation}
            complaints = self._chronicle.record(action, caller, "ok", details)
            return replace(commit, warnings=(*commit.warnings, *map(warning, complaints)))

    def commit(
        self, texts: Texts, caller: Caller, comment: str, confirm_s: float | None, *, dry_run: bool = False
    ) -> Commit:
        """Make the texts the running generation. Raises InvalidConfiguration, KernelError, StorageError."""
        before = self._runner.running
        loaded, prepared = self.prepare(texts, before.loaded)
        found = differences(before.loaded.config, loaded.config)
        words = said(found)
        within = self.confirm_within(caller, confirm_s)
        commit = Commit(before.number, words, prepared.warnings, within)
        if dry_run:
            return commit
        if loaded.texts == before.loaded.texts:
            return replace(commit, confirm_within_s=None)
        self._chronicle.note(found)
        manifest = self._parts.manifest(before.number, caller.name, comment)
        try:
            number, complaints = self._publisher.publish(manifest, loaded, prepared.plans, within)
        except (KernelError, StorageError) as error:
            self._chronicle.say(ApplyFailed(before.number, str(error), self._runner.restored))
            raise
        self._chronicle.deadline()
        self._chronicle.say(ConfigChanged(caller.name, before.number, number, words, within))
        return replace(commit, generation=number, warnings=(*commit.warnings, *map(warning, complaints)))

    def prepare(self, texts: Texts, previous: Loaded) -> tuple[Loaded, Prepared]:
        """Read, check, plan and rehearse. Raises InvalidConfiguration."""
        texts = self._parts.migrations.read(texts)
        loaded = with_ids(accept(self._schema, self._walk, texts, previous))
        prepared = self._walk.prepare(loaded.config)
        new = [name for name in loaded.unread if previous.texts.get(name) != texts[name]]
        unread = (warning(f"{name} is kept, but no plugin reads it") for name in new)
        return loaded, replace(prepared, warnings=(*prepared.warnings, *unread))

    def confirm_within(self, caller: Caller, confirm_s: float | None) -> float | None:
        """Return in how many seconds the caller's change must be confirmed; None: it stays at once."""
        if confirm_s is None:
            confirm_s = self._parts.confirm_default() if caller.remote else 0.0
        return confirm_s if confirm_s > 0 else None
