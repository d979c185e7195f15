# SPDX-License-Identifier: GPL-2.0-or-later
"""Between which networks hosts find each other's printers and screens."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages.change import apply, page, see
from webui.pages.forms import items

mdns = Blueprint("mdns", __name__, url_prefix="/mdns")

OUTSIDE = "wan"
KINDS = {
    "_ipp._tcp": "Printers",
    "_uscan._tcp": "Scanners",
    "_airplay._tcp": "Screens and speakers (AirPlay)",
    "_googlecast._tcp": "Screens and speakers (Chromecast)",
    "_spotify-connect._tcp": "Speakers (Spotify)",
    "_hap._tcp": "Lamps and sensors (HomeKit)",
    "_matter._tcp": "Lamps and sensors (Matter)",
    "_smb._tcp": "Shared folders",
}
"""Kinds of services that people look for, and what they call them."""


@mdns.get("")
def show() -> Response:
    """Show between which networks hosts find each other."""
    return _page()


@mdns.post("/repeat")
def repeat() -> Response:
    """Say between which networks, and which kinds of services."""
    form = request.form
    only = [] if form.get("everything") else [*form.getlist("only"), *items(form.get("others", ""))]
    given: dict[str, Any] = {"between": form.getlist("between"), "only": list(dict.fromkeys(only))}
    said = "Saved: these networks find each other." if given["between"] else "Turned off."
    try:
        apply("mdns.Repeat", given, said)
    except PatronusError as error:
        return _page(error, given)
    return see(url_for("mdns.show"))


def _page(error: PatronusError | None = None, given: dict[str, Any] | None = None) -> Response:
    found = daemon().call("mdns.Status")
    links = daemon().call("interfaces.List")["interfaces"]
    roles = [item["id"] for item in links if item["zone"] and item["zone"] != OUTSIDE]
    shown = given or found
    others = [kind for kind in shown["only"] if kind not in KINDS]
    return page("mdns.html", error, found=found, shown=shown, roles=roles, kinds=KINDS, others=others)
