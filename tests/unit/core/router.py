# SPDX-License-Identifier: GPL-2.0-or-later
"""A small router for the engine's tests: two real features whose kernel is a folder, and a clock to set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from patronus.core.audit import AuditLog
from patronus.core.bus import Bus, Event
from patronus.core.drafts import Drafts
from patronus.core.engine import Engine
from patronus.core.errors import KernelError
from patronus.core.feature import Difference, Earlier, Feature, Plan, Step
from patronus.core.files import Disk, WorkingCopy
from patronus.core.generations import Generations
from patronus.core.migrations import MIGRATIONS, Migrations
from patronus.core.model import Configuration, Section, Strict
from patronus.core.parts import Parts
from patronus.core.problem import Problem, Severity
from patronus.core.spare import Spare
from patronus.core.values import Id, Name, Ports
from patronus.core.verb import Caller, Role

ADMIN = Caller("ann", Role.ADMIN)
REMOTE = Caller("rob", Role.ADMIN, origin="203.0.113.7")

FACTORY = {"zones.yaml": "zones:\n  - id: lan   # the house\n"}


class Zone(Strict):
    id: Id
    name: Name | None = None


class Zones(Strict):
    zones: tuple[Zone, ...] = ()


class Rule(Strict):
    id: Id
    zone: Id
    name: Name | None = None
    ports: Ports | None = None
    action: Literal["allow", "drop"] = "drop"


class Rules(Strict):
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Wanted(Plan):
    files: tuple[tuple[str, str], ...] = ()


@dataclass
class Kernel:
    """A folder that stands for the kernel: what it refuses, what it forgets, and what was done to it."""

    root: Path
    refuses: set[str] = field(default_factory=set)
    forgets: set[str] = field(default_factory=set)
    breaks: set[str] = field(default_factory=set)
    impatient: bool = False
    told: list[Difference] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def state(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted(self.root.iterdir())}

    def put(self, name: str, text: str | None) -> None:
        if name in self.refuses:
            raise KernelError(f"{name} is refused")
        if name in self.breaks:
            self.breaks.discard(name)
            raise ZeroDivisionError("a mistake of ours")
        self.log.append(f"{name}={text}")
        if name in self.forgets:
            return
        if text is None:
            (self.root / name).unlink(missing_ok=True)
        else:
            (self.root / name).write_text(text)


class FolderFeature(Feature[Wanted, tuple[str, ...]]):
    """Keeps one file for each item in the folder; what it finds there is its facts."""

    kind: str

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    def facts(self) -> tuple[str, ...]:
        return tuple(self.kernel.state())

    def steps(self, plan: Wanted, running: Wanted | None) -> Iterator[Step]:
        if self.kernel.impatient and running is not None:
            raise KernelError("the service does not answer")
        there = {k: v for k, v in self.kernel.state().items() if k.startswith(self.kind)}
        wanted = dict(plan.files)
        for name in sorted(there.keys() | wanted.keys()):
            if there.get(name) != wanted.get(name):
                yield self._step(name, wanted.get(name), there.get(name))

    def _step(self, name: str, new: str | None, old: str | None) -> Step:
        return Step(name, lambda: self.kernel.put(name, new), lambda: self.kernel.put(name, old))

    def observe(self, plan: Wanted) -> Iterator[Difference]:
        yield from self.kernel.told
        there = {k: v for k, v in self.kernel.state().items() if k.startswith(self.kind)}
        wanted = dict(plan.files)
        for name in sorted(there.keys() | wanted.keys()):
            if there.get(name) != wanted.get(name):
                yield Difference(name, str(wanted.get(name)), str(there.get(name)))


class ZonesFeature(FolderFeature):
    name = "zones"
    kind = "zone-"
    sections = (Section("zones", Zones),)

    def plan(self, config: Configuration, facts: tuple[str, ...], earlier: Earlier) -> Wanted:
        return Wanted(files=tuple((f"zone-{zone.id}", str(zone.name)) for zone in config.get(Zones).zones))


class RulesFeature(FolderFeature):
    name = "rules"
    kind = "rule-"
    sections = (Section("firewall/rules", Rules),)

    def check(self, config: Configuration) -> Iterable[Problem]:
        zones = {zone.id for zone in config.get(Zones).zones}
        for position, rule in enumerate(config.get(Rules).rules):
            path = ("firewall/rules", "rules", position, "zone")
            if rule.zone not in zones:
                yield Problem(path, f"there is no zone {rule.zone}", rule.zone, ", ".join(sorted(zones)))
            if rule.name == "odd":
                yield Problem(path[:-1], "odd", severity=Severity.WARNING)

    def plan(self, config: Configuration, facts: tuple[str, ...], earlier: Earlier) -> Wanted:
        assert earlier.find(Wanted) is not None
        return Wanted(
            files=tuple((f"rule-{rule.id}", f"{rule.zone} {rule.action}") for rule in config.get(Rules).rules)
        )

    def rehearse(self, plan: Wanted) -> Iterable[Problem]:
        for name, _text in plan.files:
            if name == "rule-rehearsed":
                yield Problem(("firewall/rules", "rules"), "the kernel would not take it")


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.boot_id = "boot-1"
        self.now = 100.0
        self.set_by = 0.0

    def boottime(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_700_000_000.0 + self.now + self.set_by


@dataclass
class Router:
    """One machine: its disk lasts, its kernel does not survive a boot."""

    root: Path
    clock: SetClock = field(default_factory=SetClock)
    kernels: int = 0
    deadlines: list[float | None] = field(default_factory=list)
    owed: list[float | None] = field(default_factory=list)
    given: dict[str, str] | None = None
    events: list[Event] = field(default_factory=list)
    disk: Disk = field(default_factory=Disk)
    migrations: Migrations = MIGRATIONS
    kernel: Kernel = field(init=False)

    def start(self, *, reboot: bool = True, before: Callable[[Kernel], None] | None = None) -> Engine:
        """Start the engine; on a reboot with an empty kernel and another boot id."""
        if reboot:
            self.kernels += 1
            self.clock.boot_id = f"boot-{self.kernels}"
            self.clock.now = 100.0
            (self.root / f"kernel-{self.kernels}").mkdir(parents=True)
            (self.root / "run/spare.json").unlink(missing_ok=True)
            self.kernel = Kernel(self.root / f"kernel-{self.kernels}")
        if before:
            before(self.kernel)
        self.engine = Engine(self.parts())
        self.report = self.engine.boot()
        return self.engine

    def parts(self) -> Parts:
        bus = Bus()
        bus.observe(self.events.append)
        counter = itertools.count(1)
        return Parts(
            features=[ZonesFeature(self.kernel), RulesFeature(self.kernel)],
            generations=Generations(self.root / "var/generations", self.disk),
            working=WorkingCopy(self.root / "etc", self.root / "var/drafts", self.disk),
            audit=AuditLog(self.root / "var/audit.log", self.clock, self.disk),
            spare=Spare(self.root / "run/spare.json"),
            drafts=Drafts(self.root / "var/state/drafts", self.disk),
            clock=self.clock,
            bus=bus,
            first_texts=lambda: FACTORY,
            given_texts=None if self.given is None else partial(dict, self.given),
            confirm_default=lambda: 90.0,
            on_deadline=self.deadlines.append,
            on_owed=self.owed.append,
            image_version="1",
            migrations=self.migrations,
            random_hex=lambda digits: f"{next(counter):0{digits}x}",
        )

    def matches(self) -> bool:
        """Return whether the kernel is as the engine's files say, and the working copy too."""
        config = self.engine.config
        wanted = {f"zone-{zone.id}": str(zone.name) for zone in config.get(Zones).zones}
        wanted |= {f"rule-{rule.id}": f"{rule.zone} {rule.action}" for rule in config.get(Rules).rules}
        return self.kernel.state() == wanted and not self.engine.observe()

    def working(self) -> dict[str, str]:
        return WorkingCopy(self.root / "etc", self.root / "var/drafts").read()
