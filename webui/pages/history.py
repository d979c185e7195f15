# SPDX-License-Identifier: GPL-2.0-or-later
"""The generations: who changed what and when, what differs, and the way back."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, url_for

from webui.daemon import daemon
from webui.pages.change import apply, see

history = Blueprint("history", __name__, url_prefix="/history")


@history.get("")
def show() -> str:
    """List the generations, newest first."""
    return render_template("history.html", generations=daemon().call("config.Log")["generations"])


@history.get("/<int:number>")
def changes(number: int) -> str:
    """Show what a generation changed against the one it came from, and its files."""
    found = daemon().call("config.Show", {"generation": number})
    parent = next(
        (g["parent"] for g in daemon().call("config.Log")["generations"] if g["number"] == number), None
    )
    diff = daemon().call("config.Diff", {"old": parent, "new": number})["diff"] if parent is not None else ""
    return render_template("generation.html", number=number, parent=parent, diff=diff, files=found["files"])


@history.post("/<int:number>/rollback")
def rollback(number: int) -> Response:
    """Return to a generation."""
    apply("config.Rollback", {"generation": number}, f"Back at generation {number}.")
    return see(url_for("history.show"))
