# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists in parts: ``?limit=100``, and a Link to the next part (RFC 8288). Pure.

A cursor remembers the last item by its first field, which is its name everywhere (id, address, number), and
by its place. So nothing is shown twice or left out when something before it comes or goes; where the item
itself has gone, the list goes on at its place.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from patronus.core.errors import InvalidRequest
from webui.routes import Route

MOST = 1000
CURSOR = r"^[A-Za-z0-9_=-]{1,400}$"
PARAMETERS: dict[str, dict[str, Any]] = {
    "limit": {
        "type": "integer",
        "minimum": 1,
        "maximum": MOST,
        "description": "items at most; without it, all",
    },
    "cursor": {
        "type": "string",
        "pattern": CURSOR,
        "description": "where to go on; from the Link of the part before",
    },
}


@dataclass(frozen=True)
class Part:
    """Which part of a list is asked for."""

    limit: int | None = None
    cursor: str | None = None


def take(route: Route, query: dict[str, str]) -> Part:
    """Take ``limit`` and ``cursor`` out of a query, where the route has a list. Raises InvalidRequest."""
    if route.listed is None:
        return Part()
    limit, cursor = query.pop("limit", None), query.pop("cursor", None)
    if limit is not None and not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MOST):
        raise InvalidRequest(f"limit is 1 to {MOST}")
    if cursor is not None and limit is None:
        raise InvalidRequest("a cursor comes with a limit")
    return Part(int(limit) if limit else None, cursor)


def cut(items: Sequence[Mapping[str, Any]], part: Part) -> tuple[list[Mapping[str, Any]], str | None]:
    """Return the part of the items, and the cursor of the next one, if any. Raises InvalidRequest."""
    if part.limit is None:
        return list(items), None
    start = _after(items, part.cursor) if part.cursor else 0
    end = start + part.limit
    cursor = _encode(end - 1, items[end - 1]) if end < len(items) else None
    return list(items[start:end]), cursor


def link(path: str, query: Mapping[str, str], part: Part, cursor: str) -> str:
    """Return the Link header that leads to the next part."""
    asked = {**query, "limit": str(part.limit), "cursor": cursor}
    return f'<{path}?{urlencode(asked)}>; rel="next"'


def _name(item: Mapping[str, Any]) -> Any:
    return next(iter(item.values()), None)


def _encode(place: int, item: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([place, _name(item)]).encode()).decode()


def _after(items: Sequence[Mapping[str, Any]], cursor: str) -> int:
    """Return the position behind the item that the cursor names, the nearest of that name."""
    try:
        place, name = json.loads(base64.urlsafe_b64decode(cursor))
    except (TypeError, ValueError, binascii.Error, RecursionError):
        raise InvalidRequest("this is not a cursor") from None
    if not isinstance(place, int) or isinstance(place, bool):
        raise InvalidRequest("this is not a cursor")
    found = [position for position, item in enumerate(items) if _name(item) == name]
    nearest = min(found, key=lambda position: abs(position - place), default=None)
    return max(0, place) if nearest is None else nearest + 1
