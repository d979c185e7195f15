# SPDX-License-Identifier: GPL-2.0-or-later
"""A third party's feature behind a guard: what it breaks is left out, loudly, and the router goes on.

A call that hangs ends the daemon, which then starts without the plugin (``patience``).
An exception that is none of the error tree's leaves the feature out until the daemon starts again. Until the
router has booted, so does everything with which it would refuse a configuration that ran before; after
that it may refuse a change like any other feature.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from patronus.core.errors import PatronusError
from patronus.core.feature import Consequence, Difference, Earlier, Feature, Plan, Step
from patronus.core.head_start import NOTHING, HeadStart
from patronus.core.model import Configuration
from patronus.core.problem import Problem, Severity
from patronus.core.verb import Caller, Verb
from patronus.daemon.patience import Patience

log = logging.getLogger(__name__)
T = TypeVar("T")


class LeftOut(Plan):
    """The plan of a feature that is left out: nothing."""


class Guarded(Feature[Plan, Any]):
    """Calls another feature. ``complain`` is told, in a sentence, when that is left out."""

    def __init__(self, inner: Feature[Any, Any], complain: Callable[[str], None], patience: Patience) -> None:
        vars(self).update(name=inner.name, schema_version=inner.schema_version, sections=inner.sections)
        self._inner = inner
        self._complain = complain
        self._patience = patience
        self._may_refuse = False
        self._reason: str | None = None

    def booted(self) -> None:
        """From now on the feature may refuse changes."""
        self._may_refuse = True

    def leave_out(self, reason: str) -> None:
        """Call the feature no more, and say why."""
        self._reason = reason
        self._complain(f"the plugin {self.name} is left out: {reason}")

    def _ask(self, what: str, question: Callable[[], T], otherwise: T) -> T:
        """Return the feature's answer; ``otherwise`` where it is left out, now or before."""
        if self._reason is not None:
            return otherwise
        try:
            with self._patience.calling(self.name, what):
                return question()
        except PatronusError as error:
            if self._may_refuse:
                raise
            self.leave_out(f"{what}: {error}")
        except Exception as error:
            log.exception("the plugin %s failed: %s", self.name, what)
            self.leave_out(f"{what}: {type(error).__name__}: {error}")
        return otherwise

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Return the feature's problems, or one warning that it is left out."""
        nothing: list[Problem] = []
        found = self._ask("check", lambda: self._found(config), nothing)
        if self._reason is None:
            return found
        message = f"the plugin {self.name} is left out: {self._reason}"
        return [Problem((f"plugins/{self.name}",), message, severity=Severity.WARNING)]

    def _found(self, config: Configuration) -> list[Problem]:
        found = list(self._inner.check(config))
        errors = [problem.render() for problem in found if problem.severity is Severity.ERROR]
        if errors and not self._may_refuse:
            self.leave_out("; ".join(errors))
        return found

    def facts(self) -> Any:
        """Return the feature's facts, None where it is left out."""
        return self._ask("facts", self._inner.facts, None)

    def plan(self, config: Configuration, facts: Any, earlier: Earlier) -> Plan:
        """Return the feature's plan."""
        nothing: Plan = LeftOut()
        return self._ask("plan", lambda: _as_plan(self._inner.plan(config, facts, earlier)), nothing)

    def plan_at_boot(self, config: Configuration, earlier: Earlier) -> Plan:
        """Return the feature's plan right after the next boot."""
        nothing: Plan = LeftOut()
        return self._ask("plan", lambda: _as_plan(self._inner.plan_at_boot(config, earlier)), nothing)

    def head_start(self, plan: Plan, earlier: Earlier) -> HeadStart:
        """Return what the feature needs before the daemon is there."""
        if isinstance(plan, LeftOut):
            return NOTHING
        return self._ask("head start", lambda: self._inner.head_start(plan, earlier), NOTHING)

    def rehearse(self, plan: Plan) -> Iterable[Problem]:
        """Return what the feature finds in a rehearsal."""
        if isinstance(plan, LeftOut):
            return ()
        return self._ask("rehearsal", lambda: list(self._inner.rehearse(plan)), [])

    def foresee(self, plan: Plan, running: Plan, caller: Caller) -> Iterable[Consequence]:
        """Return what the feature foresees of a change."""
        if isinstance(plan, LeftOut) or isinstance(running, LeftOut):
            return ()
        return self._ask("foresee", lambda: list(self._inner.foresee(plan, running, caller)), [])

    def steps(self, plan: Plan, running: Plan | None) -> Iterator[Step]:
        """Yield the feature's steps, each of which leaves the feature out where it breaks."""
        if isinstance(plan, LeftOut):
            return
        before = None if isinstance(running, LeftOut) else running
        none: Iterator[Step] = iter(())
        steps = self._ask("steps", lambda: iter(self._inner.steps(plan, before)), none)
        while step := self._ask("steps", lambda: next(steps, None), None):
            yield self._guarded(step)

    def _guarded(self, step: Step) -> Step:
        def do() -> None:
            self._ask(step.name, step.do, None)

        def undo() -> None:
            self._ask(f"undo of {step.name}", step.undo, None)

        return Step(step.name, do, undo)

    def observe(self, plan: Plan) -> Iterable[Difference]:
        """Return how the world differs from the feature's plan."""
        if isinstance(plan, LeftOut):
            return ()
        return self._ask("observe", lambda: list(self._inner.observe(plan)), [])

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the feature's verbs; those of a plugin lie in its own interface and below its own path."""
        return self._ask("verbs", self._own_verbs, [])

    def _own_verbs(self) -> list[Verb[Any, Any]]:
        verbs = list(self._inner.verbs())
        for verb in verbs:
            place = (verb.route or "").partition(" ")[2] + "/"
            if not verb.name.startswith(f"{self.name}."):
                raise ValueError(f"the verb {verb.name} is not named {self.name}.…")
            if verb.route is not None and not place.startswith(f"/plugins/{self.name}/"):
                raise ValueError(f"the route of {verb.name} is not below /plugins/{self.name}")
            verb.describe()
        return verbs


def _as_plan(plan: Any) -> Plan:
    if not isinstance(plan, Plan):
        raise TypeError(f"plan() returned {type(plan).__name__}")
    return plan
