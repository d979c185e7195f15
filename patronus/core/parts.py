# SPDX-License-Identifier: GPL-2.0-or-later
"""What the engine is made of; the daemon builds it once, the tests with a disk and a clock of their own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from patronus.core.audit import AuditLog
from patronus.core.bus import Bus
from patronus.core.control import Clock
from patronus.core.drafts import Drafts
from patronus.core.errors import InvalidConfiguration, StorageError
from patronus.core.files import WorkingCopy
from patronus.core.generations import Generations, Manifest
from patronus.core.identify import RandomHex
from patronus.core.kept_start import KeptStart
from patronus.core.migrations import MIGRATIONS, Migrations
from patronus.core.problem import Problem, Severity
from patronus.core.salvage import reportable
from patronus.core.schema import Loaded, Schema, Texts, sound_part
from patronus.core.spare import Spare
from patronus.core.walk import AnyFeature, Walk


def random_hex(digits: int) -> str:
    """Return so many random hexadecimal digits."""
    return secrets.token_hex((digits + 1) // 2)[:digits]


@dataclass(frozen=True)
class Parts:
    """The engine's surroundings.

    first_texts      gives the factory's files, for the first boot and as the last resort.
    given_texts      gives those that the owner gave for the first boot, None where he gave none: they come
                     before the factory's, which take their place where they cannot run.
    confirm_default  gives the seconds in which a remote caller's change must be confirmed.
    on_deadline      is told in how many seconds ``Engine.revert_if_due`` wants to be called; None: no more.
    on_owed          the same for ``Engine.refresh_if_owed``.
    on_settled       the same for ``Engine.keep_head_start``.
    kept_start       what the next boot loads before the daemon; None: nothing is kept.
    spare            the last confirmed generation in memory, for a disk that cannot be read any more.
    """

    features: Sequence[AnyFeature]
    generations: Generations
    working: WorkingCopy
    audit: AuditLog
    drafts: Drafts
    spare: Spare
    clock: Clock
    bus: Bus
    first_texts: Callable[[], Texts]
    given_texts: Callable[[], Texts] | None = None
    confirm_default: Callable[[], float] = lambda: 90.0
    on_deadline: Callable[[float | None], None] = lambda _seconds: None
    on_owed: Callable[[float | None], None] = lambda _seconds: None
    on_settled: Callable[[float | None], None] = lambda _seconds: None
    kept_start: KeptStart | None = None
    image_version: str = "0"
    random_hex: RandomHex = random_hex
    migrations: Migrations = MIGRATIONS

    def schema(self) -> Schema:
        """Return the sections of all features."""
        sections = [section for feature in self.features for section in feature.sections]
        return Schema(sections, self.random_hex)

    def walk(self, on_step: Callable[[], None]) -> Walk:
        """Return the features in their order."""
        return Walk(self.features, on_step)

    def manifest(self, parent: int | None, actor: str, comment: str) -> Manifest:
        """Return the manifest of a generation about to be published."""
        return Manifest(
            number=0, schema_version=self.migrations.current, image_version=self.image_version, parent=parent,
            actor=actor, comment=comment, sha256={}, time=self.clock.wall(), boot_id=self.clock.boot_id,
        )  # fmt: skip

    def texts_of(self, number: int) -> dict[str, str]:
        """Return a generation's files in this version's format.

        Raises NotFound, StorageError, and InvalidConfiguration where a later version wrote them.
        """
        stored = self.generations.read(number)
        return self.migrations.up(stored.texts, stored.manifest.schema_version)

    def write_working_copy(self, texts: Texts) -> list[str]:
        """Make /etc/patronus show what runs; edits that nobody loaded are kept as a draft. Say what happened.

        A disk that refuses is reported, not raised: what runs is stored in its generation.
        """
        try:
            there = self.working.read() if self.working.root.exists() else {}
            by_hand = sorted(
                name
                for name, text in there.items()
                if texts.get(name) != text and not self.generations.knows(name, text)
            )
            said = []
            if by_hand:
                folder = self.working.keep_draft(there)
                said.append(f"edits that were not loaded were moved to {folder}: {', '.join(by_hand)}")
            self.working.write(texts, there)
        except StorageError as error:
            return [f"the working copy is not up to date: {error}"]
        return said


def accept(schema: Schema, walk: Walk, texts: Texts, previous: Loaded | None) -> Loaded:
    """Return the texts, read. Raises InvalidConfiguration with the problems of all files.

    Of files that have problems the sound part goes through the features' checks, so that all mistakes
    are shown at once.
    """
    loaded = schema.load(texts, previous)
    if not loaded.problems:
        return loaded
    part = sound_part(loaded)
    found = reportable(walk.check(part[0]), part[1]) if part else ()
    raise InvalidConfiguration([*loaded.problems, *found])


def warning(message: str) -> Problem:
    """Return a warning that belongs to no file."""
    return Problem((), message, severity=Severity.WARNING)


def tolerated(action: Callable[[], None]) -> list[str]:
    """Do something to the disk that may fail without harm; return what went wrong."""
    try:
        action()
    except StorageError as error:
        return [str(error)]
    return []
