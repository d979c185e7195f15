# SPDX-License-Identifier: GPL-2.0-or-later
"""The uplinks that dial in, inside patronusd: writes the diallers' tasks, starts and stops them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from patronus.core.errors import (
    InvalidRequest,
    KernelError,
    NotFound,
    StorageError,
    Unavailable,
)
from patronus.core.feature import Difference, Earlier, Feature, Step
from patronus.core.model import Configuration
from patronus.kernel.host import Host
from patronus.network.interfaces.plan import InterfacesPlan
from patronus.network.pppoe.plan import Dial, DialPlan, plan
from patronus.network.pppoe.words import is_secret
from patronus.secrets.resolve import SecretsPlan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Told:
    """What a dialler was told last; the text holds a password and is shown nowhere."""

    text: str | None

    def __repr__(self) -> str:
        return "Told(...)"


class PppoeFeature(Feature[DialPlan, None]):
    """Uplinks that dial in. One that cannot keeps nothing else from being applied: it says why."""

    name = "pppoe"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._folder = host.places.run.with_name("patronus-pppoe")
        self._plan = DialPlan()
        self._faults: dict[str, str] = {}

    def facts(self) -> None:
        """Need nothing of the world."""

    def plan(self, config: Configuration, facts: None, earlier: Earlier) -> DialPlan:  # noqa: ARG002
        """Return the uplinks that dial."""
        links = earlier.find(InterfacesPlan) or InterfacesPlan()
        secrets = earlier.find(SecretsPlan) or SecretsPlan()
        return plan(config, links, secrets.handles)

    def steps(self, plan: DialPlan, running: DialPlan | None) -> Iterator[Step]:  # noqa: ARG002
        """Stop the diallers that shall not be, then start those that are new or were told something else."""
        before = self._plan
        for device in sorted({path.stem for path in self._folder.glob("*.json")} - plan.dials.keys()):
            yield self._step(f"hang up {device}", device, Told(None))
        for device, dial in plan.dials.items():
            wanted = self._wanted(dial)
            if wanted != self._told(device):  # a session outlives a patronusd that starts again
                yield self._step(f"dial {device} over {dial.parent}", device, wanted)
        if plan != before:
            yield Step("note who dials", partial(self._note, plan), partial(self._note, before))

    def _step(self, name: str, device: str, wanted: Told) -> Step:
        return Step(
            name, partial(self._switch, device, wanted), partial(self._switch, device, self._told(device))
        )

    def _note(self, plan: DialPlan) -> None:
        self._plan = plan

    def _wanted(self, dial: Dial) -> Told:
        """Return what the dialler is to be told: nothing where its password is not to be had."""
        name = dial.secret.name
        try:
            password = self._host.secrets.read(name).decode().strip("\r\n")
            if not is_secret(password):
                raise InvalidRequest(
                    f"the secret {name} is not one line of printable text, 255 bytes at most"
                )
        except (NotFound, StorageError, Unavailable, InvalidRequest) as error:
            return self._without(dial, str(error))
        except UnicodeDecodeError:
            return self._without(dial, f"the secret {name} is not text")
        self._faults.pop(dial.device, None)
        return Told(dial.task(password).as_text())

    def _without(self, dial: Dial, reason: str) -> Told:
        if self._faults.get(dial.device) != reason:
            log.warning("%s cannot dial: %s", dial.role, reason)
        self._faults[dial.device] = reason
        return Told(None)

    def _told(self, device: str) -> Told:
        try:
            return Told((self._folder / f"{device}.json").read_text(encoding="utf-8"))
        except OSError:
            return Told(None)

    def _switch(self, device: str, told: Told) -> None:
        """Bring one dialler to its task. That it cannot be is said, and keeps nobody from routing."""
        path, unit = self._folder / f"{device}.json", f"patronus-pppoe@{device}.service"
        try:
            if told.text is None:
                self._host.units.stop(unit)
                path.unlink(missing_ok=True)
                return
            fresh = path.with_suffix(".new")
            fresh.touch(mode=0o600)
            fresh.write_text(told.text, encoding="utf-8")
            fresh.replace(path)
            self._host.units.restart(unit)
        except (KernelError, Unavailable, OSError) as error:
            log.error("%s: %s", device, error)
            self._faults[device] = str(error)
            if told.text is not None:
                path.unlink(missing_ok=True)  # nobody was told: the next walk tells again

    def observe(self, plan: DialPlan) -> Iterator[Difference]:
        """Yield the uplinks that cannot dial; none of them refuses a change."""
        for device, reason in self._faults.items():
            if device in plan.dials:
                yield Difference(f"dial {device}", "dialling", reason, refuses=False)

    def notice(self) -> str | None:
        """Return what a person should know: which uplinks cannot dial, and why."""
        words = [f"{device} cannot dial: {reason}" for device, reason in sorted(self._faults.items())]
        return "; ".join(words) or None


def create(host: Host) -> PppoeFeature:
    """Make the feature; called once by the daemon."""
    return PppoeFeature(host)
