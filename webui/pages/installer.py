# SPDX-License-Identifier: GPL-2.0-or-later
"""Installation: which disks this machine has, and the running system onto one of them."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages.change import apply, page, see

installer = Blueprint("installer", __name__, url_prefix="/install")


@installer.get("")
def show() -> Response:
    """Show the disks, and how the last installation goes."""
    return _page()


@installer.post("")
def begin() -> Response:
    """Install on the disk whose name was typed in its own form."""
    given: dict[str, object] = {name: request.form.get(name, "") for name in ("disk", "typed")}
    try:
        apply("installer.Install", given, "The installation has begun.")
    except PatronusError as error:
        return _page(error)
    return see(url_for("installer.show"))


@installer.post("/power-off")
def power_off() -> Response:
    """Switch the router off, so that the stick can be taken out."""
    try:
        apply("system.PowerOff", {}, "The router switches itself off.")
    except PatronusError as error:
        return _page(error)
    return see(url_for("installer.show"))


def _page(error: PatronusError | None = None) -> Response:
    return page("install.html", error, status=daemon().call("installer.Status"))
