# SPDX-License-Identifier: GPL-2.0-or-later
"""The page: the machines, each with a button."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from webui.daemon import daemon
from webui.pages.change import apply, page, see
from webui.plugins import Page

wol = Blueprint("wol", __name__, url_prefix="/plugins/wol", template_folder="templates")
PAGE = Page(wol, title="Wake", verb="wol.List")


@wol.get("")
def show() -> Response:
    """List the machines."""
    return page("wol.html", targets=daemon().call("wol.List")["targets"])


@wol.post("/wake")
def wake() -> Response:
    """Wake one of them."""
    machine = request.form.get("id", "")
    apply("wol.Wake", {"id": machine}, f"{machine} was sent its magic packet.")
    return see(url_for("wol.show"))
