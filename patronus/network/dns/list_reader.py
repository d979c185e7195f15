# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocklists from their open files to names, some lines at a time: questions are answered meanwhile."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator

from patronus.kernel.loop import Loop
from patronus.network.dns.blocklist import Names, read_lines

log = logging.getLogger("patronus-dns")

SHORT, SORTED = 10_000, 16
"""Names that are put in order in one go, and of how many parts of a longer list that is done."""


class ListReader:
    """Reads blocklists between answers; the names from before serve until all are read."""

    def __init__(self, loop: Loop, take: Callable[[Names], None]) -> None:
        self._loop = loop
        self._take = take
        self._lists: object = []
        self._steps: Generator[None, None, None] | None = None

    @property
    def busy(self) -> bool:
        """Return whether lists are being read."""
        return self._steps is not None

    def read(self, lists: object, descriptors: tuple[int, ...]) -> None:
        """Read these files, and close them; the same lists as before are not read again.

        The first lines are read at once, so that a short list is in force when this returns.
        """
        if lists == self._lists:
            for descriptor in descriptors:
                os.close(descriptor)
            return
        self._lists = lists
        if self._steps is not None:
            self._steps.close()
        self._steps = self._read(descriptors)
        self._step(self._steps)

    def _read(self, descriptors: tuple[int, ...]) -> Generator[None, None, None]:
        """Read the files, each from its start: another reader may have ended elsewhere. Take the names."""
        names, left = Names(), list(descriptors)
        try:
            while left:
                with open(left.pop(0), encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                    file.seek(0)
                    yield from read_lines(file, names)
        finally:
            for descriptor in left:
                os.close(descriptor)
        for number, _ in enumerate(names.sort()):
            if len(names) > SHORT and number % SORTED == 0:
                yield
        self._take(names)
        log.info("%d names blocked, %d entries unread", len(names), names.odd)

    def _step(self, steps: Generator[None, None, None]) -> None:
        if steps is not self._steps:
            return
        try:
            next(steps)
        except StopIteration:
            self._steps = None
        except OSError as error:
            self._steps, self._lists = None, []
            log.error("blocklists cannot be read: %s", error)
        else:
            self._loop.call_later(0.0, lambda: self._step(steps))
