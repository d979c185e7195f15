# SPDX-License-Identifier: GPL-2.0-or-later
"""How the engine comes up: the confirmed generation, else an earlier one, else the factory's, and says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from patronus.core.candidate import with_ids
from patronus.core.errors import KernelError, NotFound, PatronusError, StorageError
from patronus.core.feature import Difference, refusing
from patronus.core.parts import Parts, accept, tolerated
from patronus.core.running import Runner, Running
from patronus.core.schema import PLUGINS_FOLDER, Loaded, Schema, Texts
from patronus.core.spare import Spared
from patronus.core.walk import Walk, describe

log = logging.getLogger(__name__)

FALLBACK = "first boot, in the place of what was given"
"""Comment of the generation that runs because the files given for the first boot cannot: the next boot tries
them again, for the owner may have mended them."""


@dataclass(frozen=True)
class BootReport:
    """What runs after the boot, and everything that a person should know about how it came to that.

    ``messages`` is empty where the confirmed generation came up just so. ``reverted`` names a generation
    that ran before and was not confirmed in time.
    """

    generation: int
    messages: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    reverted: int | None = None


@dataclass(frozen=True)
class _Choice:
    """A configuration that may be brought up; ``number`` None: it comes from nowhere on the disk.

    ``read`` gives its files. Raises NotFound, StorageError. ``for_good``: the owner gave
    it. ``stored``: it lies on the disk.
    """

    number: int | None
    name: str
    read: Callable[[], Texts]
    for_good: bool = False
    stored: bool = True


class Boot:
    """One start of the engine; the caller has the turn."""

    def __init__(self, parts: Parts, schema: Schema, walk: Walk, runner: Runner) -> None:
        self._parts = parts
        self._schema = schema
        self._walk = walk
        self._runner = runner
        self._messages: list[str] = []

    def start(self) -> BootReport:
        """Bring up the first choice that can run. Raises KernelError where none can; then lockdown stays."""
        reverted = self._expired()
        for choice in self._choices():
            try:
                differences = self._bring_up(choice)
            except PatronusError as error:
                self._messages.append(f"{choice.name} cannot run: {error}")
                continue
            except Exception as error:  # a mistake of ours must not keep the router from an older generation
                log.exception("%s cannot run", choice.name)
                self._messages.append(f"{choice.name} cannot run: {type(error).__name__}: {error}")
                continue
            if self._messages:
                self._messages.append(f"{choice.name} runs")
            return self._settle(differences, reverted)
        raise KernelError("no configuration can run:\n" + "\n".join(self._messages))

    def _expired(self) -> int | None:
        """Return the generation whose confirmation did not come in time."""
        pending = self._parts.generations.pending()
        if pending is None or pending.remaining_s(self._parts.clock) > 0:
            return None
        self._messages.append(f"generation {pending.generation} by {pending.actor} was not confirmed in time")
        return pending.generation

    def _choices(self) -> Iterator[_Choice]:
        generations = self._parts.generations
        numbers = generations.confirmed()
        if numbers and self._is_fallback(numbers[0]):
            yield from self._given()
        pending = generations.pending()
        if pending is not None and pending.remaining_s(self._parts.clock) > 0:
            numbers = [pending.generation, *numbers]
        spare = self._parts.spare.read()
        if not numbers:
            self._messages += [generations.complaint] if generations.complaint else []
            yield from self._spared(spare)
            numbers = self._unconfirmed()
        for number in numbers:
            yield _Choice(number, f"generation {number}", partial(self._stored, number))
            if spare is not None and spare.number == number:
                yield from self._spared(spare)
        yield from self._given()
        yield _Choice(None, "the factory's configuration", self._parts.first_texts)

    def _given(self) -> Iterator[_Choice]:
        if self._parts.given_texts is not None:
            yield _Choice(
                None, "the configuration given for the first boot", self._parts.given_texts, for_good=True
            )

    def _spared(self, spare: Spared | None) -> Iterator[_Choice]:
        if spare is not None:
            name = f"generation {spare.number}, as it is in memory,"
            yield _Choice(spare.number, name, lambda: spare.texts, stored=False)

    def _unconfirmed(self) -> list[int]:
        """Return those on the disk, newest first, where the pointer to the confirmed one is lost."""
        try:
            numbers = self._parts.generations.numbers()[::-1]
        except StorageError as error:
            self._messages.append(str(error))
            return []
        if numbers:
            self._messages.append("the pointer to the confirmed generation is lost")
        return numbers

    def _is_fallback(self, number: int) -> bool:
        """Return whether a generation ran in the place of what was given, which then could not run."""
        try:
            return self._parts.generations.manifest(number).comment == FALLBACK
        except (NotFound, StorageError):
            return False

    def _stored(self, number: int) -> Texts:
        return self._parts.texts_of(number)

    def _bring_up(self, choice: _Choice) -> list[Difference]:
        loaded = with_ids(self._read(choice.read()))
        plans = self._walk.prepare(loaded.config).plans
        differences = self._runner.start(Running(choice.number or 0, loaded, plans))
        if choice.number is None:
            self._messages += tolerated(lambda: self._publish(for_good=choice.for_good))
        elif choice.stored and (version := self._version(choice.number)) != self._parts.migrations.current:
            self._messages += tolerated(partial(self._publish_migrated, choice.number, version))
        return differences

    def _version(self, number: int) -> int:
        return self._parts.generations.manifest(number).schema_version

    def _publish_migrated(self, number: int, version: int) -> None:
        """Store what an older generation became; that one stays for the image that wrote it."""
        generations, current = self._parts.generations, self._parts.migrations.current
        comment = f"generation {number} brought from version {version} to {current}"
        manifest = self._parts.manifest(number, "patronus", comment)
        new = generations.publish(manifest, self._runner.running.loaded.texts).number
        if number in generations.confirmed():
            generations.confirm(new)
        self._runner.name(new)
        self._messages.append(f"{comment}, as generation {new}")

    def _read(self, texts: Texts) -> Loaded:
        """Return the texts, read; a file that its plugin refuses, or whose plugin is gone, is kept unread."""
        loaded = self._schema.load(texts)
        plugins = [file for name, file in loaded.files.items() if name.startswith(PLUGINS_FOLDER)]
        refused = {file.name: file.problems for file in plugins if file.problems}
        for name, problems in refused.items():
            self._messages.append(f"{name} is left out: {'; '.join(one.render() for one in problems)}")
        self._messages += [f"{name} is kept, but nothing reads it" for name in loaded.unread]
        if refused:
            loaded = self._schema.load(texts, loaded, unread=refused)
        return accept(self._schema, self._walk, texts, loaded)

    def _publish(self, *, for_good: bool) -> None:
        """Store what runs from outside the disk; it is confirmed where there was none to come back to.

        What was given for the first boot is confirmed as well where it follows what ran in its place.
        """
        generations = self._parts.generations
        has_confirmed = any(self._is_whole(number) for number in generations.confirmed())
        running = self._runner.running
        in_its_place = self._parts.given_texts is not None and not for_good
        manifest = self._parts.manifest(None, "patronus", FALLBACK if in_its_place else "first boot")
        number = generations.publish(manifest, running.loaded.texts).number
        self._runner.name(number)
        if for_good or not has_confirmed:
            generations.confirm(number)

    def _is_whole(self, number: int) -> bool:
        try:
            self._parts.generations.read(number)
        except (NotFound, StorageError):
            return False
        return True

    def _settle(self, differences: list[Difference], reverted: int | None) -> BootReport:
        running = self._runner.running
        generations = self._parts.generations
        self._messages += tolerated(lambda: generations.set_current(running.number))
        if reverted is not None:
            self._messages += tolerated(lambda: generations.set_pending(None))
        if generations.confirmed()[:1] == [running.number]:
            spare = self._parts.spare
            self._messages += tolerated(lambda: spare.keep(running.number, running.loaded.texts))
        self._messages += self._parts.write_working_copy(running.loaded.texts)
        if found := refusing(differences):
            self._runner.unsettled()
            self._messages.append(f"the kernel is not as planned:\n{describe(found)}")
        else:
            self._runner.settled()
        return BootReport(running.number, tuple(self._messages), tuple(differences), reverted)
