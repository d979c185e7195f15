# SPDX-License-Identifier: GPL-2.0-or-later
"""Ports that hosts asked for: list and end them, and say who may ask."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, page, see

mappings = Blueprint("mappings", __name__, url_prefix="/mappings")


@mappings.get("")
def show() -> Response:
    """List the mappings and who may ask for them."""
    return _page()


@mappings.post("/end")
def end() -> Response:
    """End one mapping."""
    protocol, _, port = request.form.get("mapping", "").partition("/")
    given = {"protocol": protocol, "port": int(port) if port.isdecimal() else 0}
    return _changed("mappings.End", given, "Mapping ended.")


@mappings.post("/serve")
def serve() -> Response:
    """Say whose hosts may ask."""
    form = request.form
    given = {"outside": form.get("outside") or None, "inside": form.getlist("inside")}
    return _changed("mappings.Serve", given, "Saved: hosts may ask." if given["inside"] else "Turned off.")


@mappings.post("/allow")
def allow() -> Response:
    """Allow hosts to ask for ports."""
    form = request.form
    permission: dict[str, Any] = {"id": form.get("id", "").strip()}
    if hosts := forms.items(form.get("hosts", "")):
        permission["hosts"] = hosts
    if (ports := forms.ports(form.get("ports", ""))) is not None:
        permission["ports"] = ports
    given = {"id": permission["id"], "permission": permission}
    return _changed("mappings.Allow", given, "Permission added.", permission)


@mappings.post("/revoke")
def revoke() -> Response:
    """Take a permission back."""
    return _changed("mappings.Revoke", {"id": request.form.get("id", "")}, "Permission taken back.")


def _changed(verb: str, given: dict[str, Any], said: str, form: dict[str, Any] | None = None) -> Response:
    try:
        apply(verb, given, said)
    except PatronusError as error:
        return _page(error, form)
    return see(url_for("mappings.show"))


def _page(error: PatronusError | None = None, given: dict[str, Any] | None = None) -> Response:
    listed = daemon().call("mappings.List")
    roles = [item["id"] for item in daemon().call("interfaces.List")["interfaces"] if item["zone"]]
    return page("mappings.html", error, listed=listed, roles=roles, now=time.time(), given=given or {})
