# SPDX-License-Identifier: GPL-2.0-or-later
"""The patrol: reads the kernel back every so often, so that drift is said without anyone asking."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from patronus.core.bus import Event
from patronus.core.errors import PatronusError
from patronus.core.events import ConfigChanged, ConfigReverted

log = logging.getLogger(__name__)


class Patrol:
    """Calls ``look`` again and again in a thread of its own; ``every_s`` says after how long."""

    def __init__(self, look: Callable[[], object], every_s: Callable[[], float]) -> None:
        self._look = look
        self._every_s = every_s
        self._woken = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._go_round, name="patrol", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def on_event(self, event: Event) -> None:
        """Ask anew after how long, now that another configuration runs."""
        if isinstance(event, ConfigChanged | ConfigReverted):
            self._woken.set()

    def stop(self) -> None:
        """End; a look under way is finished."""
        self._stopped = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def _go_round(self) -> None:
        while not self._stopped:
            if self._woken.wait(self._every_s()):
                self._woken.clear()
                continue
            try:
                self._look()
            except PatronusError as error:
                log.error("the kernel could not be read back: %s", error)
            except Exception:  # this thread must outlive a mistake: nobody else says that there is drift
                log.exception("the kernel could not be read back")
