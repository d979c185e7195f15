# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether what a server sent is the list that was asked for, and not its error page. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from patronus.core.errors import InvalidRequest
from patronus.lists.addresses import Addresses, read_addresses
from patronus.lists.wanted import Content

LARGEST: Mapping[Content, int] = {"addresses": 16 << 20, "names": 32 << 20}
"""Bytes of a list."""
MOST: Mapping[Content, int] = {"addresses": 65_536, "names": 2_000_000}
"""Entries of a list. To read a set of addresses back takes time that grows with its square."""
_NAME = re.compile(
    r"(?:\S+\s+)?[|]{0,2}(\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9.])?\^?(?:\s.*)?"
)


def entries(data: bytes, content: Content, before: int) -> int:
    """Return how many entries a list has; ``before`` is how many it had when it was last good.

    Raises InvalidRequest where it is too long, is no such list, or is empty and was not.
    """
    if content == "addresses":
        found = len(addresses(data))
    else:
        found, odd, example = _names(data)
        _judge(content, found, odd, example)
    if not found and before:
        raise InvalidRequest(f"it is empty, and had {before} entries before")
    return found


def addresses(data: bytes) -> Addresses:
    """Return what a list of addresses holds. Raises InvalidRequest where it is too long, or no such list."""
    found = read_addresses(data.decode(errors="replace").splitlines())
    _judge("addresses", len(found), found.odd, found.first_odd)
    return found


def _judge(content: Content, found: int, odd: int, example: str) -> None:
    if odd > found:
        raise InvalidRequest(f"this is no list of {content}: {odd} lines are none, such as {example!r}")
    if found > MOST[content]:
        raise InvalidRequest(f"it has {found} entries, {MOST[content]} are the most")


def _names(data: bytes) -> tuple[int, int, str]:
    lines = data.decode(errors="replace").splitlines()
    texts = [text for line in lines if (text := line.partition("#")[0].strip()) and text[0] not in "!["]
    odd = [text for text in texts if not _NAME.fullmatch(text)]
    return len(texts) - len(odd), len(odd), odd[0][:64] if odd else ""
