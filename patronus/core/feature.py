# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract between the engine and a feature; a third party's plugin has the same.

A feature registers a factory ``create(host) -> Feature`` under the entry-point group
``patronus.features``; ``host`` is :class:`patronus.kernel.host.Host`. The engine calls the features in
one declared order: check all, plan all, rehearse all, then run each one's steps; a step that fails
undoes those before it, in reverse.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from patronus.core.head_start import NOTHING, HeadStart
from patronus.core.model import Configuration, Section
from patronus.core.problem import Problem
from patronus.core.verb import Caller, Verb


@dataclass(frozen=True)
class Plan:
    """What a feature wants the world to be. Subclasses add typed fields; all are pure values.

    ``contributions`` are offers to features later in the order, found by type: an ``Opening`` that the
    firewall turns into a rule, for example.
    """

    contributions: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Step:
    """One change to the world and the way back. Both raise ``KernelError`` or ``StorageError``."""

    name: str
    do: Callable[[], None]
    undo: Callable[[], None]


@dataclass(frozen=True)
class Difference:
    """The kernel is not as planned: ``what`` is a stable name, ``wanted`` and ``found`` are readable.

    One that ``refuses`` nothing is told, by the doctor and as an event, and lets a change pass: what it is
    about is no part of the change, such as a list that cannot be had.
    """

    what: str
    wanted: str
    found: str
    refuses: bool = True


def refusing(differences: Iterable[Difference]) -> list[Difference]:
    """Return those for which a change is refused."""
    return [one for one in differences if one.refuses]


@dataclass(frozen=True)
class Consequence:
    """What a change would mean for somebody who uses the router now.

    ``kind``      session: the committer's own way in; service: what the router offers a zone (its page, DNS,
                  DHCP, VPN); flow: a connection that is open now.
    ``what``      names it for a person; ``works``: whether it will, once the change runs.
    ``before``    what becomes of its packets now, and what decides that; ``after``: the same afterwards.
    ``packet``    an example packet as JSON-ready data, None where there is none.
    """

    kind: Literal["session", "service", "flow"]
    what: str
    works: bool
    before: str
    after: str
    packet: Mapping[str, Any] | None = None


P = TypeVar("P", bound=Plan)
F = TypeVar("F")
Kind = TypeVar("Kind")
PlanKind = TypeVar("PlanKind", bound=Plan)


@dataclass(frozen=True)
class Earlier:
    """The plans of the features that come before in the order."""

    plans: Sequence[Plan] = ()

    def find(self, kind: type[PlanKind]) -> PlanKind | None:
        """Return the earlier plan of this type, or None where that feature is not installed."""
        return next((plan for plan in self.plans if isinstance(plan, kind)), None)

    def contributions(self, kind: type[Kind]) -> list[Kind]:
        """Return all that earlier plans contribute of this type, in order."""
        return [item for plan in self.plans for item in plan.contributions if isinstance(item, kind)]


class Feature(ABC, Generic[P, F]):
    """One feature: its files, and how they become kernel state.

    ``check`` and ``plan`` are pure. ``facts`` reads what the plan must know of the world (NICs that
    exist, blocks that have not ended); the engine calls it once per walk and hands the value on.
    """

    name: ClassVar[str]
    schema_version: ClassVar[int] = 1
    sections: ClassVar[tuple[Section, ...]] = ()

    def check(self, config: Configuration) -> Iterable[Problem]:  # noqa: ARG002
        """Yield problems that one file alone cannot show; sees the whole model."""
        return ()

    @abstractmethod
    def facts(self) -> F:
        """Read the world as far as the plan depends on it."""

    @abstractmethod
    def plan(self, config: Configuration, facts: F, earlier: Earlier) -> P:
        """Return what the world shall be. Pure. Raises ``InvalidConfiguration`` with all problems."""

    def rehearse(self, plan: P) -> Iterable[Problem]:  # noqa: ARG002
        """Ask the kernel whether it would take the plan, without changing anything."""
        return ()

    def foresee(self, plan: P, running: P, caller: Caller) -> Iterable[Consequence]:  # noqa: ARG002
        """Yield what the plan would mean, in the place of the running one, for who uses the router now.

        Reads the world and changes nothing. The committer is ``caller``. Raises ``KernelError``.
        """
        return ()

    @abstractmethod
    def steps(self, plan: P, running: P | None) -> Iterable[Step]:
        """Yield the steps from the world as it is to the plan; ``running`` is the plan applied last.

        Steps are made lazily: the engine runs each before it asks for the next.
        """

    @abstractmethod
    def observe(self, plan: P) -> Iterable[Difference]:
        """Read the world back and yield how it differs from the plan."""

    def plan_at_boot(self, config: Configuration, earlier: Earlier) -> P:
        """Return what the plan will be right after the next boot, when what the world told is gone.

        Raises ``InvalidConfiguration``.
        """
        return self.plan(config, self.facts(), earlier)

    def head_start(self, plan: P, earlier: Earlier) -> HeadStart:  # noqa: ARG002
        """Return what of a plan at boot the kernel needs for packets to pass before the daemon is there.

        Only what the steps from a fresh kernel would do: the daemon must find nothing to change.
        """
        return NOTHING

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs that the feature adds to the daemon's table."""
        return ()
