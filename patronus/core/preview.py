# SPDX-License-Identifier: GPL-2.0-or-later
"""What a change would do, before it is made: its differences for each feature, and what they would mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from patronus.core.changes import Change, differences, text_diff
from patronus.core.committer import Committer
from patronus.core.errors import KernelError
from patronus.core.feature import Consequence
from patronus.core.parts import warning
from patronus.core.problem import Problem
from patronus.core.running import Runner
from patronus.core.schema import Texts
from patronus.core.verb import Caller
from patronus.core.walk import AnyFeature, Plans, Walk


@dataclass(frozen=True)
class Touched:
    """What a change means for one feature: the differences in its files, and whether its plan is another.

    A plan can be another without a difference in the feature's files: it depends on those of other features.
    """

    feature: str
    changes: tuple[Change, ...]
    plan_changes: bool


@dataclass(frozen=True)
class Preview:
    """A change that was checked, planned and rehearsed, and not made; ``generation`` is the running one."""

    generation: int
    features: tuple[Touched, ...]
    consequences: tuple[Consequence, ...]
    warnings: tuple[Problem, ...]
    diff: str
    confirm_within_s: float | None

    @property
    def changes(self) -> list[Change]:
        """Return the differences of all features."""
        return [change for feature in self.features for change in feature.changes]


class Previewer:
    """The caller has the turn."""

    def __init__(self, walk: Walk, runner: Runner, committer: Committer) -> None:
        self._walk = walk
        self._runner = runner
        self._committer = committer

    def preview(self, texts: Texts, caller: Caller, confirm_s: float | None) -> Preview:
        """Take the texts as far as the rehearsal. Raises InvalidConfiguration."""
        running = self._runner.running
        loaded, prepared = self._committer.prepare(texts, running.loaded)
        found = differences(running.loaded.config, loaded.config)
        touched = tuple(self._touched(found, prepared.plans, running.plans))
        consequences, warnings = self._foresee(touched, prepared.plans, running.plans, caller)
        return Preview(
            generation=running.number,
            features=touched,
            consequences=consequences,
            warnings=(*prepared.warnings, *warnings),
            diff=text_diff(running.loaded.texts, loaded.texts),
            confirm_within_s=self._committer.confirm_within(caller, confirm_s),
        )

    def _touched(self, found: list[Change], plans: Plans, running: Plans) -> Iterator[Touched]:
        for feature in self._walk.features:
            sections = {section.path for section in feature.sections}
            changes = tuple(change for change in found if change.section in sections)
            other = plans[feature.name] != running.get(feature.name)
            if changes or other:
                yield Touched(feature.name, changes, other)

    def _foresee(
        self, touched: tuple[Touched, ...], plans: Plans, running: Plans, caller: Caller
    ) -> tuple[tuple[Consequence, ...], list[Problem]]:
        """Ask every feature if any is touched: what has not changed may still be what somebody uses."""
        found: list[Consequence] = []
        warnings: list[Problem] = []
        for feature in self._walk.features if touched else ():
            try:
                found += self._of(feature, plans, running, caller)
            except KernelError as error:
                warnings.append(warning(f"{feature.name} cannot say what the change will mean: {error}"))
        return tuple(found), warnings

    def _of(self, feature: AnyFeature, plans: Plans, running: Plans, caller: Caller) -> list[Consequence]:
        before = running.get(feature.name)
        return [] if before is None else list(feature.foresee(plans[feature.name], before, caller))
