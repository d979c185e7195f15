# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes what a program reads when it starts, and starts and stops its unit; it refuses no change."""

from __future__ import annotations

import logging
from pathlib import Path

from patronus.core.errors import KernelError, Unavailable
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

    def _write(self, text: str) -> None:
        """Write the file, which the program reads as its own user."""
        fresh = self._path.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o644)
        fresh.replace(self._path)
