# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocklists that others publish: which the configuration names, and what their files are called. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.model import Configuration
from patronus.lists.wanted import DAY_S, Content, Wanted, key_of
from patronus.network.dns.model import Blocklist, Dns

CONTENT: Content = "names"


def wanted_lists(config: Configuration) -> Iterator[Wanted]:
    """Yield the blocklists that come from a URL."""
    for item in config.get(Dns).blocklists:
        if item.url is not None:
            yield Wanted(item.url, CONTENT, item.refresh or DAY_S, item.ca, (f"blocklist {item.id}",))


def file_of(item: Blocklist) -> str:
    """Return the name of the list's file among what is found: a person's, or the one that was brought in."""
    return item.file if item.file is not None else fetched(key_of(item.url or "", CONTENT))


def fetched(key: str) -> str:
    """Return the name of a list that was brought in; no person's file can be called so."""
    return f"fetched/{key}"
