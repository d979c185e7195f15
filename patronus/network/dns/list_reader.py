# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocklists from their open files to names, some lines at a time: questions are answered meanwhile."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Sequence

from patronus.kernel.loop import Loop
from patronus.network.dns.blocklist import Names, read_lines
from patronus.network.dns.view import Lists

log = logging.getLogger("patronus-dns")

SHORT, SORTED = 10_000, 16
"""Names that are put in order in one go, and of how many parts of a longer list that is done."""


ListTold = tuple[str, int, int]
"""Name, size and time of change: another of them means that the content may have changed."""


class ListReader:
    """Reads blocklists between answers; the names from before serve until all are read."""

    def __init__(self, loop: Loop, take: Callable[[Lists], None]) -> None:
        self._loop = loop
        self._take = take
        self._lists: Sequence[ListTold] | None = ()  # None: those that could not be read
        self._steps: Generator[None, None, None] | None = None

    @property
    def busy(self) -> bool:
        """Return whether lists are being read."""
        return self._steps is not None

    def read(self, lists: Sequence[ListTold], descriptors: tuple[int, ...]) -> None:
        """Read these files, and close them; the same lists as before are not read again.

        The first lines are read at once, so that a short list is in force when this returns.
        """
        if self._lists is not None and list(lists) == list(self._lists):
            for descriptor in descriptors:
                os.close(descriptor)
            return
        self._lists = lists
        if self._steps is not None:
            self._steps.close()
        self._steps = self._read([name for name, _, _ in lists], descriptors)
        self._step(self._steps)

    def _read(self, called: Sequence[str], descriptors: tuple[int, ...]) -> Generator[None, None, None]:
        """Read the files, each from its start: another reader may have ended elsewhere. Take the names."""
        lists, left = [Names() for _ in called], list(descriptors)
        try:
            for names in lists:
                with open(left.pop(0), encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                    file.seek(0)
                    yield from read_lines(file, names)
        finally:
            for descriptor in left:
                os.close(descriptor)
        for names in lists:
            for number, _ in enumerate(names.sort()):
                if len(names) > SHORT and number % SORTED == 0:
                    yield
        self._take(dict(zip(called, lists, strict=True)))
        for name, names in zip(called, lists, strict=True):
            log.info("blocklist %s: %d names, %d entries unread", name, len(names), names.odd)

    def _step(self, steps: Generator[None, None, None]) -> None:
        if steps is not self._steps:
            return
        try:
            next(steps)
        except StopIteration:
            self._steps = None
        except OSError as error:
            self._steps, self._lists = None, None
            log.error("blocklists cannot be read: %s", error)
        else:
            self._loop.call_later(0.0, lambda: self._step(steps))
