# SPDX-License-Identifier: GPL-2.0-or-later
"""The addresses of pages with words to fill in: ``https://dyn.example/set?name={name}&ip={ipv4}``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

WORDS = ("name", "names", "ipv4", "ipv6", "address", "user", "password")
"""``name``: each in turn; ``names``: all at once; ``address``: that of IPv4, else of IPv6."""
_WORD = re.compile(r"\{([^{}]*)\}")


def words_of(template: str) -> list[str]:
    """Return the words that a template has, in its order."""
    return _WORD.findall(template)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return a template with each word in place, spelt so that it cannot be more than a value."""
    return _WORD.sub(lambda found: quote(values[found[1]], safe=""), template)


def pages(
    template: str, names: Iterable[str], ipv4: str, ipv6: str, user: str, password: str
) -> Iterable[str]:
    """Yield the addresses to ask for: one, or one for each name where the template has ``name`` in it."""
    listed = list(names)
    each = listed if "name" in words_of(template) else listed[:1]
    for name in each:
        yield fill(
            template,
            {
                "name": name, "names": ",".join(listed), "ipv4": ipv4, "ipv6": ipv6, "address": ipv4 or ipv6,
                "user": user, "password": password,
            },
        )  # fmt: skip
