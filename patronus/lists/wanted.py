# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody wants brought in, and by which name it is kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

Content = Literal["addresses", "names"]
"""Addresses, prefixes and ranges of either family; or names of hosts and domains, plain or as in hosts(5)."""
DAY_S = 86400


@dataclass(frozen=True)
class Wanted:
    """A list that a part of the configuration names. ``used_by`` says which, for people: ``alias bad``.

    ``ca`` are the certificates (PEM) that the server's must come from; None: a well-known authority's.
    """

    url: str
    content: Content
    refresh_s: int = DAY_S
    ca: str | None = None
    used_by: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the name by which it is kept: another source or content is another list."""
        return key_of(self.url, self.content)


def key_of(url: str, content: Content) -> str:
    """Return the name by which the list of a URL is kept."""
    return sha256(f"{content} {url}".encode()).hexdigest()[:32]


def merged(wanted: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """Return each list once, at the shortest interval that anybody asks for, in the order of the first."""
    found: dict[str, Wanted] = {}
    for item in wanted:
        before = found.get(item.key)
        if before is not None:
            used_by = tuple(dict.fromkeys((*before.used_by, *item.used_by)))
            item = Wanted(  # noqa: PLW2901
                item.url, item.content, min(item.refresh_s, before.refresh_s), before.ca or item.ca, used_by
            )
        found[item.key] = item
    return tuple(found.values())
