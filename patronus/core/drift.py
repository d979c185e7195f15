# SPDX-License-Identifier: GPL-2.0-or-later
"""What has been said of a kernel that is not as planned: each difference once, and its end once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patronus.core.events import Drift, DriftEnded
from patronus.core.feature import Difference


class Drifts:
    """The differences that were found last."""

    def __init__(self) -> None:
        self._known: dict[str, Difference] = {}

    def seen(self, found: Iterable[Difference]) -> Iterator[Drift | DriftEnded]:
        """Take what was found now, all of it; yield the events of what is new, other, or gone."""
        now = {one.what: one for one in found}
        before, self._known = self._known, now
        for what in before:
            if what not in now:
                yield DriftEnded(what)
        for what, one in now.items():
            if before.get(what) != one:
                yield Drift(what, one.wanted, one.found)
