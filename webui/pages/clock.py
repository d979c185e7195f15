# SPDX-License-Identifier: GPL-2.0-or-later
"""The clock: whom it follows, how its servers answer, and who may ask this router."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, page, see

clock = Blueprint("clock", __name__, url_prefix="/clock")


@clock.get("")
def show() -> Response:
    """Show the clock and the form for its servers."""
    return _page()


@clock.post("")
def save() -> Response:
    """Say who sets the clock, whose hosts may ask, and the time zone."""
    form = request.form
    time = {
        "servers": forms.items(form.get("servers", "")),
        "serve": form.getlist("serve"),
        "nts": "nts" in form,
    }
    given = {"time": time, "timezone": form.get("timezone", "").strip() or None}
    try:
        apply("time.Set", given, "Saved.")
    except PatronusError as error:
        return _page(error, time)
    return see(url_for("clock.show"))


def _page(error: PatronusError | None = None, given: dict[str, Any] | None = None) -> Response:
    status = daemon().call("time.Status")
    roles = [item["id"] for item in daemon().call("interfaces.List")["interfaces"] if item["zone"]]
    chosen = given if given is not None else status["configuration"]
    return page("clock.html", error, status=status, roles=roles, given=chosen)
