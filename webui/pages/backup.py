# SPDX-License-Identifier: GPL-2.0-or-later
"""Backups: one encrypted file to keep elsewhere, and back in two steps: look, then restore; and a reset."""

from __future__ import annotations

import base64
from typing import Any

from flask import Blueprint, Response, make_response, request, url_for

from patronus.core.errors import InvalidRequest, PatronusError
from webui.daemon import daemon
from webui.pages.change import apply, page, see

backup = Blueprint("backup", __name__, url_prefix="/backup")

CARD = "card-"
"""Before the role, in the name of the field that chooses its card."""
TO_CONFIRM_S = 120


@backup.get("")
def show() -> Response:
    """Show both forms."""
    return page("backup.html", found=None)


@backup.post("/create")
def create() -> Response:
    """Hand the browser a new backup as a file."""
    form = request.form
    try:
        if form.get("password") != form.get("again"):
            raise InvalidRequest("the two passwords differ")
        made = daemon().call("backup.Create", {"password": form.get("password", "")})
    except PatronusError as error:
        return page("backup.html", error, found=None)
    response = make_response(base64.b64decode(made["backup"]))
    response.mimetype = "application/octet-stream"
    response.headers["Content-Disposition"] = f'attachment; filename="{made["name"]}"'
    return response


@backup.post("/inspect")
def inspect() -> Response:
    """Show what an uploaded backup holds, and ask which card plays which role."""
    given = request.files.get("file")
    text = base64.b64encode(given.read()).decode() if given else ""
    return _look(text)


@backup.post("/restore")
def restore() -> Response:
    """Run the backup; it goes back by itself unless it is kept."""
    form = request.form
    roles = {name.removeprefix(CARD): card for name, card in form.items() if name.startswith(CARD) and card}
    given: dict[str, Any] = {
        "backup": form.get("backup", ""), "password": form.get("password", ""), "roles": roles,
        "confirm_s": TO_CONFIRM_S,
    }  # fmt: skip
    try:
        apply("backup.Restore", given, "The backup runs. Keep it once you see that all is well.")
    except PatronusError as error:
        return _look(given["backup"], error)
    return see(url_for("dashboard.show"))


@backup.post("/factory-reset")
def factory_reset() -> Response:
    """Wipe all that the router keeps, and start as new."""
    given = {name: request.form.get(name, "") for name in ("hostname", "password", "code")}
    try:
        daemon().call("system.FactoryReset", given)
    except PatronusError as error:
        return page("backup.html", error, found=None)
    return page("reset.html")


def _look(text: str, error: PatronusError | None = None) -> Response:
    given = {"backup": text, "password": request.form.get("password", "")}
    try:
        found = daemon().call("backup.Inspect", given)
    except PatronusError as refused:
        return page("backup.html", error or refused, found=None)
    return page("backup.html", error, found=found, file=text, card=CARD)
