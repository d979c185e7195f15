# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration's git repository: how it stands to what runs, and what its newest commit would change."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request, url_for

from patronus.core.errors import NotFound
from webui.auth import can
from webui.daemon import daemon
from webui.pages.change import apply, see

gitops = Blueprint("gitops", __name__, url_prefix="/repository")


@gitops.get("")
def show() -> str:
    """Show the state, the last error, and the difference."""
    status = daemon().call("gitops.Status")
    try:
        diff = daemon().call("gitops.Diff")["diff"] if can("operator") else ""
    except NotFound:
        diff = ""
    return render_template("gitops.html", status=status, diff=diff)


@gitops.post("/sync")
def sync() -> Response:
    """Look into the repository now; with ``apply``, take its newest commit."""
    wanted = request.form.get("apply") == "yes"
    said = "The newest commit is being fetched and applied." if wanted else "The repository is being read."
    apply("gitops.Sync", {"apply": wanted}, f"{said} Look again in a moment.")
    return see(url_for("gitops.show"))
