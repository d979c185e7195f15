# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes what a program reads when it starts, and starts and stops its unit; it refuses no change."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from patronus.core.errors import KernelError, Unavailable
from patronus.core.feature import Difference
from patronus.kernel.units import Units

log = logging.getLogger(__name__)


class Told:
    """One such program. ``refused`` says why it could not be brought to what it was told last."""

    def __init__(self, units: Units, service: str, path: Path) -> None:
        self._units = units
        self._service = service
        self._path = path
        self.refused: str | None = None

    def present(self) -> str | None:
        """Return what it was told last; a file that cannot be read is none."""
        try:
            return self._path.read_text(encoding="utf-8")
        except OSError:
            return None

    def bring(self, text: str | None) -> None:
        """Have it run with this configuration, or not run. That it cannot be is kept and raises nothing."""
        self.refused = None
        try:
            if text is None:
                self._units.stop(self._service)
                self._path.unlink(missing_ok=True)
                return
            self._write(text)
            self._units.restart(self._service)
        except (KernelError, Unavailable, OSError) as error:
            self.refused = str(error)
            log.error("%s: %s", self._service, error)

    def fault(self) -> str | None:
        """Return why the program does not run as it was told last; None where it does, or shall not run."""
        if self.refused is not None or self.present() is None:
            return self.refused
        try:
            state = self._units.status(self._service)
        except (KernelError, Unavailable) as error:
            return str(error)
        return None if state.running else f"{self._service} does not run: {state.result or state.active}"

    def differences(self, what: str, wanted: str | None) -> Iterator[Difference]:
        """Yield how ``what`` the program does is not as planned; that it does not run refuses nothing."""
        fault = self.refused if wanted is None else self.fault()
        if fault is not None:
            yield Difference(what, "none" if wanted is None else "running", fault, refuses=False)
        if self.refused is None and (found := self.present()) != wanted:
            yield Difference(what, wanted or "none", found or "none")

    def _write(self, text: str) -> None:
        """Write the file, which the program reads as its own user."""
        fresh = self._path.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o644)
        fresh.replace(self._path)
