# SPDX-License-Identifier: GPL-2.0-or-later
"""The visitor's draft: while there is one, the pages show it and what is changed goes into it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, g, request, url_for

from patronus.core.errors import Conflict, InvalidConfiguration, PatronusError
from webui import auth
from webui.daemon import daemon
from webui.pages.change import own_target, page, say_warnings, see

draft = Blueprint("draft", __name__, url_prefix="/draft")


def look() -> None:
    """Run before a page: from here on, its calls are about the draft where the visitor has one."""
    g.draft = None
    for_people = request.blueprint not in (None, "api", "asset") and "HX-Request" not in request.headers
    if not for_people or not auth.can("operator") or not daemon().has("config.Draft"):
        return
    found = daemon().call("config.Draft")
    if found["exists"]:
        g.draft, g.drafting = found, True


@draft.get("")
def show() -> Response:
    """Show what the draft would change, and mean for who uses the router now."""
    return _page()


@draft.post("/start")
def start() -> Response:
    """Begin a draft."""
    daemon().call("config.StartDraft")
    flash("From now on your changes are collected. Nothing is committed before you apply the draft.")
    return see(own_target(request.form.get("back")) or url_for("draft.show"))


@draft.post("/apply")
def apply() -> Response:
    """Commit the draft."""
    given: dict[str, Any] = {"comment": request.form.get("comment", "").strip()}
    try:
        result = daemon().call("config.CommitDraft", given)
    except PatronusError as error:
        return _page(error)
    flash("The draft runs." if result["changes"] else "The draft changed nothing.")
    say_warnings(result)
    return see(url_for("history.show"))


@draft.post("/discard")
def discard() -> Response:
    """Throw the draft away."""
    daemon().call("config.DiscardDraft")
    flash("The draft is gone; what runs is as it was.")
    return see(own_target(request.form.get("back")) or url_for("history.show"))


def _page(error: PatronusError | None = None) -> Response:
    plan = None
    if g.draft is not None and error is None:
        try:
            plan = daemon().call("config.Plan")
        except (InvalidConfiguration, Conflict) as refused:
            error = refused
    return page("draft.html", error, draft=g.draft, plan=plan)
