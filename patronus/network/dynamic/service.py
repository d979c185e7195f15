# SPDX-License-Identifier: GPL-2.0-or-later
"""BGP and OSPF inside patronusd: FRR's daemons run where they are configured, and are told what differs.

One reads its whole configuration from a file when it starts, and is told what changes while it runs. That it
cannot be started is said, and keeps nobody from routing; a line that it refuses takes the change back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from patronus.core.errors import KernelError, PatronusError, StorageError, Unavailable
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration
from patronus.core.problem import Problem, Severity
from patronus.core.verb import Verb
from patronus.kernel.host import Host
from patronus.kernel.process import redact
from patronus.kernel.vty import Vty
from patronus.network.dynamic.check import SECTION_PATH, check
from patronus.network.dynamic.difference import commands
from patronus.network.dynamic.lines import Line, read, written
from patronus.network.dynamic.plan import BGPD, DAEMONS, OSPF6D, OSPFD, DynamicPlan, plan
from patronus.network.dynamic.render import LONGEST_SECRET, render, usable
from patronus.network.dynamic.server import Watch
from patronus.network.dynamic.verbs import RouterVerbs

log = logging.getLogger(__name__)

PROGRAMS = Path("/usr/lib/frr")
SPEAKERS = (BGPD, OSPFD, OSPF6D)
"""The daemons that have a configuration of their own; the others serve them."""
START_S = 30.0
"""How long a daemon may take from its start to its first answer."""


class DynamicFeature(Feature[DynamicPlan, None]):
    """Routes from other routers."""

    name = "dynamic-routing"

    def __init__(self, host: Host, vty: Vty | None = None) -> None:
        self._host = host
        self._vty = vty or Vty()
        self._plan = DynamicPlan()
        self._refused: str | None = None
        self._watch = Watch(self._vty, host.control.publish)

    def check(self, config: Configuration) -> Iterable[Problem]:
        """Yield what is wrong with BGP, OSPF and the prefix lists."""
        return check(config)

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> DynamicPlan:  # noqa: ARG002
        """Return what is spoken."""
        return plan(config, earlier)

    def rehearse(self, plan: DynamicPlan) -> Iterator[Problem]:
        """Warn where this image has no such daemons, and of secrets that they would not take."""
        if plan.daemons and not (PROGRAMS / plan.daemons[0]).exists():
            text = "this image has no routing daemons: nothing is spoken with other routers"
            yield Problem((SECTION_PATH,), text, severity=Severity.WARNING, hint="the profile full has them")
        for name, kind in _kinds(plan):
            secret = self._read(name)
            if secret is not None and not usable(secret, kind):
                longest = LONGEST_SECRET[kind]
                allowed = f"1 to {longest} letters, digits and signs of ASCII, without a space or |"
                yield Problem(
                    (SECTION_PATH, kind), f"the secret {name} is no key for {kind}", allowed=allowed
                )

    def steps(self, plan: DynamicPlan, running: DynamicPlan | None) -> Iterator[Step]:
        """Bring the daemons to the plan; a daemon that starts sees to it that they run."""
        before = self._plan
        if (
            plan != before
            or self._refused is not None
            or (running is None and (plan.daemons or self._told()))
        ):
            spoken = ", ".join(plan.daemons) or "nothing"
            yield Step(
                f"speak with other routers: {spoken}", lambda: self._bring(plan), lambda: self._bring(before)
            )

    def _told(self) -> list[str]:
        """Return the daemons that have been given a file."""
        return [name for name in DAEMONS if self._file(name).exists()]

    def _file(self, name: str) -> Path:
        return self._host.places.routers / f"{name}.conf"

    def _bring(self, plan: DynamicPlan) -> None:
        """Start, tell and stop the daemons. Raises KernelError for a line that one refuses."""
        self._refused, self._plan = None, plan
        lines = render(plan, self._secret)
        try:
            for name in reversed(self._told()):
                if name not in lines:
                    self._host.units.stop(_unit(name))
                    self._file(name).unlink(missing_ok=True)
            for name, wanted in lines.items():
                self._write(name, wanted)
                self._host.units.start(_unit(name))
                self._await(name)
        except (KernelError, Unavailable, OSError) as error:
            self._refused = str(error)
            log.error("routes from other routers: %s", error)
        else:
            for name in SPEAKERS:
                self._follow(name, lines.get(name, ()))
        self._watch.follow(plan)

    def _write(self, name: str, lines: tuple[Line, ...]) -> None:
        """Write what a daemon reads when it starts; the folder's group is theirs. Raises OSError."""
        path = self._file(name)
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        fresh.touch(0o640)
        fresh.write_text(f"! Written by patronusd.\n{written(lines)}", encoding="utf-8")
        fresh.replace(path)

    def _await(self, name: str) -> None:
        """Wait until a daemon answers. Raises Unavailable."""
        end = monotonic() + START_S
        while not self._vty.answers(name):
            if monotonic() > end:
                raise Unavailable(f"{name} does not answer {START_S:g} s after its start")
            sleep(0.05)

    def _follow(self, name: str, wanted: tuple[Line, ...]) -> None:
        """Tell a daemon what differs from what it runs. Raises KernelError where it refuses a line."""
        if not wanted:
            return
        try:
            told = commands(self._running(name), wanted)
            if not told:
                return
            self._vty.configure(name, told, self._all_secrets())
            if name == BGPD and any("prefix-list" in one for one in told):
                self._vty.ask(name, "clear bgp * soft")
        except Unavailable as error:
            self._refused = str(error)
            log.error("routes from other routers: %s", error)

    def _running(self, name: str) -> tuple[Line, ...]:
        return read(self._vty.ask(name, "show running-config"))

    def _secret(self, name: str) -> str | None:
        """Return a secret that a daemon takes; None: who needs it stays silent."""
        found = self._read(name)
        kinds = {kind for one, kind in _kinds(self._plan) if one == name}
        return found if found is not None and all(usable(found, kind) for kind in kinds) else None

    def _read(self, name: str) -> str | None:
        try:
            return self._host.secrets.read(name).decode("ascii").rstrip("\n")
        except UnicodeDecodeError:
            return ""
        except (PatronusError, StorageError):
            return None

    def _all_secrets(self) -> list[str]:
        return [found for name in self._plan.handles if (found := self._read(name))]

    def observe(self, plan: DynamicPlan) -> Iterator[Difference]:
        """Read the daemons' configuration back; that one does not run is told, and refuses no change."""
        if self._refused is not None:
            spoken = ", ".join(plan.daemons) or "nothing"
            yield Difference("routes from other routers", spoken, self._refused, refuses=False)
            return
        lines, hidden = render(plan, self._secret), self._all_secrets()
        for name in plan.daemons:
            try:
                found = self._running(name)
            except (KernelError, Unavailable) as error:
                yield Difference(name, "running", str(error), refuses=False)
                continue
            wanted = lines[name]
            for one in sorted(set(wanted) ^ set(found), key=str) if wanted else ():
                there = "there" if one in found else "missing"
                asked = "there" if one in wanted else "missing"
                yield Difference(
                    redact(f"{name}: {' / '.join((*one.context, one.text))}", hidden), asked, there
                )

    def notice(self) -> str | None:
        """Return what a person should know: that the daemons are not as they should be."""
        return f"routes from other routers: {self._refused}" if self._refused else None

    def stop(self) -> None:
        """Watch the neighbours no longer; the daemons go on."""
        self._watch.stop()

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on neighbours and what they tell."""
        return RouterVerbs(self._vty, lambda: self._plan).verbs()


def _unit(name: str) -> str:
    return f"patronus-frr@{name}.service"


def _kinds(plan: DynamicPlan) -> Iterator[tuple[str, str]]:
    """Yield each secret's name and for what it is used."""
    for one in plan.neighbors:
        if one.password is not None:
            yield one.password.secret, "bgp"
    for kind, part in (("ospf", plan.ospf), ("ospf3", plan.ospf3)):
        for link in part.interfaces if part else ():
            if link.password is not None:
                yield link.password.secret, kind


def create(host: Host) -> DynamicFeature:
    """Make the feature; called once by the daemon."""
    return DynamicFeature(host)
