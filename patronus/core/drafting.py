# SPDX-License-Identifier: GPL-2.0-or-later
"""What the engine does with drafts: collect edits, show them as a configuration, merge, end."""

from __future__ import annotations

from dataclasses import dataclass, replace

from patronus.core.blame import conflict
from patronus.core.candidate import Clashing, candidate
from patronus.core.changes import Change, differences
from patronus.core.drafts import Draft
from patronus.core.edit import Edits
from patronus.core.errors import InvalidConfiguration
from patronus.core.model import Configuration
from patronus.core.parts import Parts, accept
from patronus.core.problem import Problem
from patronus.core.running import Runner, Running
from patronus.core.schema import Loaded, Schema, sound_part
from patronus.core.turn import Turn
from patronus.core.walk import Walk


@dataclass(frozen=True)
class DraftView:
    """A draft as it stands: what it changes of its base, all that refuses it, and whether others went on."""

    draft: Draft
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    behind: bool


class Drafting:
    """The users' drafts. All methods may be called from any thread."""

    def __init__(self, parts: Parts, schema: Schema, walk: Walk, runner: Runner, turn: Turn) -> None:
        self._parts = parts
        self._schema = schema
        self._walk = walk
        self._runner = runner
        self._turn = turn
        self._read: tuple[Draft, Running, Loaded] | None = None

    def get(self, owner: str) -> Draft | None:
        """Return the user's draft, if there is one. Raises StorageError."""
        return self._parts.drafts.get(owner)

    def kept(self, owner: str) -> bool:
        """Return whether the user has a draft, whole or not."""
        return self._parts.drafts.exists(owner)

    def all(self) -> list[Draft]:
        """Return every draft, by owner. Raises StorageError."""
        return self._parts.drafts.all()

    def start(self, owner: str) -> Draft:
        """Return the user's draft, begun now where there is none. Raises StorageError."""
        with self._turn.taken():
            draft = self.get(owner)
            if draft is None:
                draft = Draft(owner, self._runner.running.number, time=self._parts.clock.wall())
                self._parts.drafts.put(draft)
            return draft

    def edit(self, owner: str, edits: Edits) -> DraftView:
        """Put edits into the user's draft; what it then is need not be sound.

        Raises NotFound, Conflict, InvalidRequest, StorageError, and InvalidConfiguration where an edit names
        an item of a file that cannot be read.
        """
        with self._turn.taken():
            draft = self.start(owner)
            running = self._runner.running.loaded.texts
            before = draft.base_texts(running)
            now = self.own_texts(draft)
            after = candidate(self._schema, now, now, edits)
            names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
            draft = replace(
                draft,
                texts={name: after.get(name) for name in names},
                before={name: before.get(name) for name in names},
                time=self._parts.clock.wall(),
            )
            self._parts.drafts.put(draft)
        return self.view(draft)

    def discard(self, owner: str) -> None:
        """Forget the user's draft. Raises StorageError."""
        with self._turn.taken():
            self._parts.drafts.discard(owner)

    def own_texts(self, draft: Draft) -> dict[str, str]:
        """Return the files as the draft alone has them: on top of its base, without what others did since."""
        texts = draft.base_texts(self._runner.running.loaded.texts) | dict(draft.texts)
        return {name: text for name, text in texts.items() if text is not None}

    def merged_texts(self, draft: Draft) -> dict[str, str]:
        """Return the files as a commit of the draft makes them. Raises Conflict, InvalidConfiguration."""
        running = self._runner.running
        texts = running.loaded.texts
        try:
            return candidate(self._schema, texts, draft.base_texts(texts), draft.edits)
        except Clashing as clashing:
            raise conflict(self._parts.generations, running.number, clashing) from clashing

    def view(self, draft: Draft) -> DraftView:
        """Return what the draft is, with all that is wrong with it. Raises StorageError."""
        running = self._runner.running
        texts = running.loaded.texts
        try:
            loaded = accept(self._schema, self._walk, self.own_texts(draft), running.loaded)
            problems = tuple(self._walk.check(loaded.config))
        except InvalidConfiguration as error:
            problems = error.problems
        base = self._schema.load(draft.base_texts(texts), running.loaded).config
        return DraftView(
            draft,
            tuple(differences(base, self.config(draft))),
            problems,
            behind=any(texts.get(name) != text for name, text in draft.before.items()),
        )

    def config(self, draft: Draft) -> Configuration:
        """Return the draft as a configuration; where it has problems, what is sound of it, else what runs."""
        running = self._runner.running
        if self._read is None or self._read[0] != draft or self._read[1] is not running:
            self._read = (draft, running, self._schema.load(self.own_texts(draft), running.loaded))
        loaded = self._read[2]
        if not loaded.problems:
            return loaded.config
        part = sound_part(loaded)
        return running.loaded.config if part is None else part[0]
