# SPDX-License-Identifier: GPL-2.0-or-later
"""Older configurations brought up to this version's format: numbered steps on a copy. Pure.

A step takes the texts of the version below it and returns those of its own; it edits text, so that comments
stay. What it was given is never touched: the engine makes a new generation of the result, and the old one
stays for the image that wrote it. ``STEPS`` holds them in order; the first leads from version 1 to 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from patronus.core.edit import Replace
from patronus.core.errors import InvalidConfiguration, PatronusError
from patronus.core.problem import Problem
from patronus.core.splice import edit_document
from patronus.core.text import SUFFIXES, Document, document_of

Texts = Mapping[str, str]
FIRST = 1
"""The version of the first release's files."""
MAIN = "patronus"
"""The section whose ``schema_version`` tells the version of files that no manifest describes."""
KEY = "schema_version"


@dataclass(frozen=True)
class Step:
    """From one version to the next. ``title`` says in words what changes; ``change`` is pure.

    ``change`` raises the error tree where it cannot go on; the texts that it gets were never loaded.
    """

    title: str
    change: Callable[[Texts], Mapping[str, str]]


@dataclass(frozen=True)
class Migrations:
    """The steps that this version knows, the first of them from version ``FIRST``."""

    steps: Sequence[Step] = ()

    @property
    def current(self) -> int:
        """Return the version that the models of this release read."""
        return FIRST + len(self.steps)

    def up(self, texts: Texts, version: int) -> dict[str, str]:
        """Return the texts in the current version. Raises InvalidConfiguration."""
        if version > self.current:
            raise InvalidConfiguration([_newer(texts, version, self.current)])
        if version < FIRST:
            raise InvalidConfiguration([_problem(texts, f"there never was a version {version}")])
        found = dict(texts)
        for number, step in enumerate(self.steps[version - FIRST :], version + 1):
            try:
                found = dict(step.change(found))
            except PatronusError as error:
                message = f"cannot be brought to version {number} ({step.title}): {error}"
                raise InvalidConfiguration([_problem(texts, message)]) from error
        return found if version == self.current else _stamped(found, self.current)

    def read(self, texts: Texts) -> dict[str, str]:
        """Return texts that no manifest describes in the current version, by what they say of themselves.

        Without a version they are taken as current. Raises InvalidConfiguration.
        """
        return self.up(texts, self._stated(texts))

    def _stated(self, texts: Texts) -> int:
        main = _main(texts)
        stated = main.data.get(KEY) if main and not main.problems else None
        return stated if isinstance(stated, int) and not isinstance(stated, bool) else self.current


STEPS: tuple[Step, ...] = ()
"""The steps of this release. A new one comes last, with a test of its own; the models read what it makes."""
MIGRATIONS = Migrations(STEPS)


def _main(texts: Texts) -> Document | None:
    name = next((MAIN + suffix for suffix in SUFFIXES if MAIN + suffix in texts), None)
    return document_of(name, texts[name]) if name else None


def _stamped(texts: dict[str, str], version: int) -> dict[str, str]:
    """Write the version into the main file, where it names one."""
    main = _main(texts)
    if main and KEY in main.data:
        texts[main.file] = edit_document(main, Replace(MAIN, (KEY,), version))
    return texts


def _newer(texts: Texts, version: int, current: int) -> Problem:
    message = f"the files are of version {version}, this release knows {current}"
    return _problem(texts, message, hint="update this router first")


def _problem(texts: Texts, message: str, hint: str | None = None) -> Problem:
    path, main = (MAIN, KEY), _main(texts)
    return Problem(path, message, hint=hint, location=main.location(path) if main else None)
