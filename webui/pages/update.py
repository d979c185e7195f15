# SPDX-License-Identifier: GPL-2.0-or-later
"""Updates: which versions are on this router, what the source has, and the way forth and back."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages.change import apply, page, see

update = Blueprint("update", __name__, url_prefix="/update")


@update.get("")
def show() -> Response:
    """Show how the system stands; while a task runs the page looks again by itself."""
    return _page()


@update.post("/check")
def check() -> Response:
    """Look what the source has."""
    return _do("update.Check", {}, "The source is being looked at.")


@update.post("/health")
def look() -> Response:
    """Look how healthy the router is; the page then shows what was found."""
    return _do("update.Health", {}, "The router was looked at.")


@update.post("/apply")
def bring_in() -> Response:
    """Bring the version of the form into the other slot."""
    given: dict[str, object] = {
        "version": request.form.get("version") or None,
        "again": request.form.get("again") == "yes",
    }
    return _do("update.Apply", given, "The update is on its way. What runs now is not touched.")


@update.post("/roll-back")
def roll_back() -> Response:
    """Let the next restart start the other version."""
    return _do("update.RollBack", {}, "The other version runs after a restart.")


@update.post("/restart")
def restart() -> Response:
    """Restart the router."""
    return _do("system.Reboot", {}, "The router restarts. This page is back in a minute or two.")


def _do(verb: str, given: dict[str, object], said: str) -> Response:
    try:
        apply(verb, given, said)
    except PatronusError as error:
        return _page(error)
    return see(url_for("update.show"))


def _page(error: PatronusError | None = None) -> Response:
    return page("update.html", error, status=daemon().call("update.Status"))
