# SPDX-License-Identifier: GPL-2.0-or-later
"""Open connections: list those that a filter means, end one or all of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, flash, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages.change import page, see

connections = Blueprint("connections", __name__, url_prefix="/connections")

FILTERS = ("address", "protocol", "port", "zone")
NUMBERS = ("port",)
SHOWN = 200


@connections.get("")
def show() -> Response:
    """List the connections that the filter means."""
    given = _filter(request.args)
    try:
        found = daemon().call("connections.List", {**given, "most": SHOWN})
    except PatronusError as error:
        found = {"connections": [], "matching": 0, "tracked": 0, "limit": 0}
        return page("connections.html", error, given=request.args, **found)
    return page("connections.html", None, given=request.args, **found)


@connections.post("/end")
def end() -> Response:
    """End one connection, or those that the filter means."""
    one = request.form.get("id", "")
    given = {"id": one} if one else _filter(request.form)
    result = daemon().call("connections.End", given)
    spared = f", {result['spared']} of your own left alone" if result["spared"] else ""
    flash(f"{result['ended']} ended{spared}.")
    kept = {key: value for key in FILTERS if (value := request.form.get(key))}
    return see(f"{url_for('connections.show')}?{urlencode(kept)}")


def _filter(source: Any) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for key in FILTERS:
        text = source.get(key, "").strip()[:64]
        if text:
            given[key] = int(text) if key in NUMBERS and text.isascii() and text.isdigit() else text
    return given
