# SPDX-License-Identifier: GPL-2.0-or-later
"""The features in their order: check all, plan all, rehearse all, then step by step into the kernel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from patronus.core.errors import InvalidConfiguration, KernelError, PatronusError
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.head_start import HeadStart
from patronus.core.model import Configuration
from patronus.core.problem import Problem, Severity

log = logging.getLogger(__name__)

AnyFeature = Feature[Any, Any]
Plans = Mapping[str, Plan]
"""Feature name → what it wants the world to be."""


@dataclass(frozen=True)
class Prepared:
    """A configuration that passed everything that can be known before the kernel is touched."""

    plans: Plans
    warnings: tuple[Problem, ...]


class Walk:
    """Takes configurations through the features, in the order given; calls ``on_step`` as it gets on."""

    def __init__(self, features: Sequence[AnyFeature], on_step: Callable[[], None] = lambda: None) -> None:
        self.features = tuple(features)
        self._on_step = on_step

    def check(self, config: Configuration) -> list[Problem]:
        """Return what the features find, errors and warnings, each with its place."""
        return [_placed(problem, config) for feature in self.features for problem in feature.check(config)]

    def prepare(self, config: Configuration) -> Prepared:
        """Check, plan and rehearse. Raises InvalidConfiguration with all problems of a stage that failed."""
        found = self.check(config)
        _refuse_errors(found)
        self._on_step()
        plans = self._plan(config)
        self._on_step()
        rehearsed = [
            _placed(problem, config)
            for feature in self.features
            for problem in feature.rehearse(plans[feature.name])
        ]
        _refuse_errors(rehearsed)
        return Prepared(plans, tuple(found + rehearsed))

    def _plan(self, config: Configuration) -> Plans:
        plans: dict[str, Plan] = {}
        problems: list[Problem] = []
        for feature in self.features:
            try:
                facts = feature.facts()
                plans[feature.name] = feature.plan(config, facts, Earlier(tuple(plans.values())))
            except InvalidConfiguration as error:
                problems += error.problems
        if problems:
            raise InvalidConfiguration([_placed(problem, config) for problem in problems])
        return plans

    def head_start(self, config: Configuration) -> list[HeadStart]:
        """Return what each feature needs right after the next boot.

        Raises InvalidConfiguration, KernelError.
        """
        plans: list[Plan] = []
        parts = []
        for feature in self.features:
            earlier = Earlier(tuple(plans))
            plan = feature.plan_at_boot(config, earlier)
            parts.append(feature.head_start(plan, earlier))
            plans.append(plan)
            self._on_step()
        return parts

    def apply(self, plans: Plans, running: Plans) -> None:
        """Run every feature's steps; whatever is raised, those already done are undone first, in reverse.

        ``running``: the plans applied last, empty where nobody knows. Raises KernelError, StorageError.
        """
        done: list[Step] = []
        try:
            for feature in self.features:
                for step in feature.steps(plans[feature.name], running.get(feature.name)):
                    _run(feature, step)
                    done.append(step)
                    self._on_step()
        except BaseException as error:
            for failure in _undo(done):
                error.add_note(failure)
            raise

    def observe(self, plans: Plans) -> list[Difference]:
        """Read the world back and return how it differs from the plans."""
        return [
            replace(found, what=f"{feature.name}: {found.what}")
            for feature in self.features
            for found in feature.observe(plans[feature.name])
        ]


def _run(feature: AnyFeature, step: Step) -> None:
    try:
        step.do()
    except KernelError as error:
        raise KernelError(f"{feature.name}: {step.name}: {error}") from error


def _undo(done: Iterable[Step]) -> list[str]:
    """Undo the steps in reverse, all of them; return what could not be undone."""
    failures = []
    for step in reversed(list(done)):
        try:
            step.undo()
        except PatronusError as error:
            failures.append(f"{step.name} could not be undone: {error}")
        except Exception as error:  # a plug-in's mistake, or ours: the rest must be undone all the same
            log.exception("%s could not be undone", step.name)
            failures.append(f"{step.name} could not be undone: {error!r}")
    return failures


def _placed(problem: Problem, config: Configuration) -> Problem:
    """Give the problem its place in the files, if the feature did not."""
    if problem.location is not None:
        return problem
    return Problem(
        problem.path,
        problem.message,
        problem.value,
        problem.allowed,
        problem.hint,
        problem.severity,
        config.locate(problem.path),
    )


def _refuse_errors(problems: Sequence[Problem]) -> None:
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise InvalidConfiguration(problems)


def describe(differences: Iterable[Difference]) -> str:
    """Return differences in words, one a line."""
    return "\n".join(f"{one.what}: wanted {one.wanted}, found {one.found}" for one in differences)
