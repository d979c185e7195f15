# SPDX-License-Identifier: GPL-2.0-or-later
"""Open connections: list those that a filter means, end one or all of them; how long they are remembered."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, flash, request, url_for

from patronus.core.errors import PatronusError
from patronus.core.typed import number_or_text
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, page, see

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


@connections.route("/timeouts", methods=("GET", "POST"))
def timeouts() -> Response:
    """Show how long connections are remembered; set it."""
    if request.method == "GET":
        return _timeouts()
    names = [one["id"] for one in daemon().call("firewall.ShowTracking")["timeouts"]]
    times = {name: text for name in names if (text := request.form.get(name, "").strip())}
    size = forms.number(request.form.get("table_size", "").strip())
    switches = {name: True if name in request.form else None for name in ("offload", "xdp_forwarding")}
    settings = {"table_size": size, **switches, "timeouts": times}
    given = {"settings": settings, "base": forms.number(request.form.get("base", ""))}
    try:
        apply("firewall.SetTracking", given, "Set.")
    except PatronusError as error:
        return _timeouts(error)
    return see(url_for("connections.timeouts"))


def _timeouts(error: PatronusError | None = None) -> Response:
    """Show the settings, or what was typed where that was refused."""
    found = daemon().call("firewall.ShowTracking")
    settings = found["settings"]
    typed = request.form if error else {**settings.get("timeouts", {}), **settings}
    base = daemon().call("system.Status")["generation"]
    return page("timeouts.html", error, typed=typed, base=base, **found)


def _filter(source: Any) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for key in FILTERS:
        text = source.get(key, "").strip()[:64]
        if text:
            given[key] = number_or_text(text) if key in NUMBERS else text
    return given
