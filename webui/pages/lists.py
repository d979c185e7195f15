# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists that others keep, and the aliases that live of them: how they stand, and looking at them now."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, url_for

from webui.daemon import daemon
from webui.pages.change import apply, see

lists = Blueprint("lists", __name__, url_prefix="/lists")


@lists.get("")
def show() -> str:
    """Show the lists and the aliases."""
    status = daemon().call("lists.Status")
    sources = daemon().call("firewall.ListSources")["sources"]
    return render_template("lists.html", status=status, sources=sources)


@lists.post("/refresh")
def refresh() -> Response:
    """Look at the servers and the files now."""
    apply("lists.Refresh", {}, "The lists are being looked at. Look again in a moment.")
    return see(url_for("lists.show"))
