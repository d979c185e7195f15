# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeping a change that waits for confirmation, or going back to the confirmed generation."""

from __future__ import annotations

from collections.abc import Callable

from patronus.core.chronicle import ENGINE, Chronicle
from patronus.core.confirm import Pending
from patronus.core.errors import InvalidConfiguration, KernelError, NotFound, PatronusError, StorageError
from patronus.core.events import ApplyFailed, ConfigConfirmed, ConfigReverted
from patronus.core.parts import Parts
from patronus.core.publish import Publisher
from patronus.core.running import Runner, Running
from patronus.core.schema import Loaded, Texts
from patronus.core.verb import Caller
from patronus.core.walk import Prepared, describe

RETRY_S = 5.0
"""Pause before a revert that failed is tried again."""
UNCONFIRMED = "it was not confirmed in time"

Prepare = Callable[[Texts, Loaded], tuple[Loaded, Prepared]]


class Confirmation:
    """What happens at the end of a change that waits; the caller has the turn."""

    def __init__(
        self, parts: Parts, runner: Runner, publisher: Publisher, chronicle: Chronicle, prepare: Prepare
    ) -> None:
        self._parts = parts
        self._runner = runner
        self._publisher = publisher
        self._chronicle = chronicle
        self._prepare = prepare

    def pending(self) -> Pending | None:
        """Return the change that waits, if any; also without the turn."""
        return self._parts.generations.pending()

    def confirm(self, caller: Caller) -> int:
        """Keep the waiting change; return its generation. Raises NotFound where none waits (any more)."""
        self.revert_if_due()
        pending = self.pending()
        if pending is None:
            raise NotFound("no change waits for confirmation")
        self._publisher.confirm(pending.generation)
        self._chronicle.record("config.Confirm", caller, "ok", {"generation": pending.generation})
        self._chronicle.say(ConfigConfirmed(caller.name, pending.generation))
        self._chronicle.deadline()
        return pending.generation

    def revert_if_due(self) -> bool:
        """Go back if the deadline has passed; return whether it had. Raises KernelError, StorageError."""
        pending = self.pending()
        due = pending is not None and pending.remaining_s(self._parts.clock) <= 0
        if due:
            self._revert()
        else:
            self._chronicle.deadline()
        return due

    def _revert(self) -> None:
        self._parts.on_deadline(RETRY_S)  # first, so that whatever happens here is not the last try
        old = self._runner.running
        try:
            number, texts = self._last_confirmed()
            loaded, prepared = self._prepare(texts, old.loaded)
            stubborn = self._bring_back(Running(number, loaded, prepared.plans))
        except PatronusError as error:
            reason = f"the way back failed: {error}"
            self._chronicle.record("engine.Revert", ENGINE, error.code, {"error": str(error)})
            self._chronicle.say(ApplyFailed(old.number, reason, self._runner.restored))
            raise
        complaints = [*stubborn, *self._publisher.reverted()]
        details = {"generation": number, "unconfirmed": old.number, "complaints": complaints}
        self._chronicle.record("engine.Revert", ENGINE, "ok", details)
        self._chronicle.say(ConfigReverted(old.number, number, UNCONFIRMED))
        self._chronicle.deadline()

    def _bring_back(self, confirmed: Running) -> list[str]:
        """Run the confirmed generation; return what did not go as a change should.

        Where it cannot be had as a change, it is applied as at a boot, which waits for no service: a way in
        that was closed must open again also while a server is down. Raises KernelError.
        """
        try:
            self._runner.change_to(confirmed)
        except KernelError as error:
            differences = self._runner.start(confirmed)
            return [str(error), *([describe(differences)] if differences else [])]
        return []

    def _last_confirmed(self) -> tuple[int, Texts]:
        """Return the newest confirmed generation that is whole. Raises StorageError."""
        broken = ["no generation was ever confirmed"]
        for number in self._parts.generations.confirmed():
            try:
                return number, self._parts.texts_of(number)
            except (InvalidConfiguration, NotFound, StorageError) as error:
                broken.append(str(error))
        raise StorageError("; ".join(broken[1:] or broken))
