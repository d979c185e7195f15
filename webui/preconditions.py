# SPDX-License-Identifier: GPL-2.0-or-later
"""ETag and If-Match (RFC 9110 sections 8.8.3 and 13.1.1): every answer names the configuration behind it.

The tag is that of the whole configuration, ``"g12"`` for generation 12, on every route: whoever changes
anything may say what they saw. A change of the whole set of files must say it (RFC 6585 section 3), or ``*``.
"""

from __future__ import annotations

import re

from patronus.core.errors import InvalidRequest
from webui.problem_details import PreconditionFailed, PreconditionRequired
from webui.routes import Route

_ONE = r'(W/)?"g[0-9]{1,18}"'
IF_MATCH = rf"^\s*(\*|{_ONE}(\s*,\s*{_ONE})*)\s*$"
_HEADER = re.compile(IF_MATCH)
_STRONG = re.compile(r'(?<!W/)"g([0-9]{1,18})"')
"""A weak tag never matches: If-Match compares strongly."""


def tag(generation: int) -> str:
    """Return the entity tag of a generation."""
    return f'"g{generation}"'


def must_match(route: Route) -> bool:
    """Return whether a change must say what it is based on: one that replaces a whole collection."""
    return route.method == "PUT" and not route.path_names and "base" in route.properties


def wanted(route: Route, header: str | None) -> set[int] | None:
    """Return the generations that the request accepts, None where any will do.

    Raises InvalidRequest, PreconditionRequired.
    """
    if header is None:
        if must_match(route):
            raise PreconditionRequired('say what you saw: If-Match: "g12", or * for whatever runs')
        return None
    if not _HEADER.fullmatch(header):
        raise InvalidRequest('If-Match names generations: "g12"')
    return None if header.strip() == "*" else {int(number) for number in _STRONG.findall(header)}


def check(accepted: set[int], running: int) -> None:
    """Raise PreconditionFailed where the running generation is none of those accepted."""
    if running not in accepted:
        seen = ", ".join(map(str, sorted(accepted))) or "none that a weak tag could name"
        raise PreconditionFailed(f"generation {running} runs, and the request was made for {seen}")
