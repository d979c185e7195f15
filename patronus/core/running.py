# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs: one generation and its plans. Changing it either succeeds whole or leaves what ran before."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from patronus.core.errors import KernelError, PatronusError, Unavailable
from patronus.core.feature import Difference, refusing
from patronus.core.schema import Loaded
from patronus.core.walk import Plans, Walk, describe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Running:
    """A generation in the kernel. ``number`` 0: it runs but could not be stored."""

    number: int
    loaded: Loaded
    plans: Plans


class Runner:
    """Puts generations into the kernel. Only who has the turn may call; ``running`` may be read by anyone.

    ``on_unsettled`` is called before what runs changes; ``settled`` is for who has read the kernel back.
    """

    def __init__(
        self,
        walk: Walk,
        on_unsettled: Callable[[], None] = lambda: None,
        on_settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._walk = walk
        self.unsettled = on_unsettled
        self.settled = on_settled
        self._running: Running | None = None
        self.restored = True

    @property
    def running(self) -> Running:
        """Return what runs. Raises Unavailable before the boot is done."""
        if self._running is None:
            raise Unavailable("no configuration is running yet")
        return self._running

    def start(self, target: Running) -> list[Difference]:
        """Apply a first generation to a kernel that nobody knows; return how the kernel then differs.

        Raises KernelError, StorageError, and then nothing of it stays applied.
        """
        self._walk.apply(target.plans, {})
        self._running = target
        return self._walk.observe(target.plans)

    def change_to(self, target: Running) -> None:
        """Apply a generation in the place of the running one and read the kernel back.

        A step that fails and a kernel that then differs lead back: the steps done are undone in reverse,
        the old generation is applied again. Raises KernelError with all that happened on the way;
        ``restored`` tells whether the way back worked.
        """
        before = self.running
        self.unsettled()
        try:
            self._walk.apply(target.plans, before.plans)
            _refuse(self._walk.observe(target.plans))
        except PatronusError as error:
            notes = [*getattr(error, "__notes__", ()), *self._restore(before)]
            raise KernelError("\n".join((str(error), *notes))) from error
        except BaseException:
            self._restore(before)
            raise
        self._running = target

    def name(self, number: int) -> None:
        """Give what runs its number, now that it is stored."""
        self._running = replace(self.running, number=number)

    def _restore(self, before: Running) -> list[str]:
        """Apply what ran before to a kernel that nobody knows; return what went wrong."""
        self.restored = True
        try:
            self._walk.apply(before.plans, {})
        except PatronusError as error:
            self.restored = False
            return [f"generation {before.number} could not be applied again: {error}"]
        except Exception as error:  # a plug-in's mistake, or ours: what was to be told first is still told
            self.restored = False
            log.exception("generation %d could not be applied again", before.number)
            return [f"generation {before.number} could not be applied again: {error!r}"]
        return []


def _refuse(differences: Sequence[Difference]) -> None:
    if found := refusing(differences):
        raise KernelError(f"the kernel is not as planned:\n{describe(found)}")
