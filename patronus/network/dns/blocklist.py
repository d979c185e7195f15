# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of names that do not exist for our clients: plain names, or lines of a hosts file. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from patronus.network.dns.wire import MalformedMessage, parents, wire_name

HOSTS_ADDRESSES = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104 - what hosts files hold
NEVER = frozenset({"localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0"})  # noqa: S104
"""What every hosts file holds beside its list."""


def read_names(lines: Iterable[str]) -> tuple[set[bytes], int]:
    """Return the names in wire form, and how many lines held something that is none."""
    names: set[bytes] = set()
    odd = 0
    for line in lines:
        words = line.partition("#")[0].split()
        if words and words[0] in HOSTS_ADDRESSES:
            words = words[1:]
        for word in words:
            if word.lower() in NEVER:
                continue
            try:
                name = wire_name(word.removeprefix("*."))
            except MalformedMessage:
                name = b"\0"
            if len(name) > 1 and len(words) <= 9:
                names.add(name)
            else:
                odd += 1
    return names, odd


def blocked(name: bytes, names: set[bytes]) -> bool:
    """Return whether the name or one above it is on the list; ``name`` is in lower-case wire form."""
    return any(parent in names for parent in parents(name))
