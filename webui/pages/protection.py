# SPDX-License-Identifier: GPL-2.0-or-later
"""The guards that stand before the rules: what they have dropped, on and off."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import NotFound, PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, page, see

protection = Blueprint("protection", __name__, url_prefix="/protection")

WORDS = {
    "anti_spoofing": (
        "Forged sources",
        "Drops what comes from an address that is not reached that way.",
    ),
    "bogons": ("Impossible sources", "Drops what comes from addresses that nobody on the internet has."),
    "syn_flood": ("Floods of connections", "Drops new TCP connections of one source beyond a rate."),
    "udp_flood": ("Floods of UDP", "Drops new UDP flows of one source beyond a rate."),
    "icmp_flood": ("Floods of pings", "Drops echo requests of one source beyond a rate."),
    "port_scan": ("Port scans", "Shuts a source out for a while that knocks at many closed ports."),
}
"""Guard → how people call it, and what it does."""


@protection.get("")
def show() -> Response:
    """List the guards."""
    return _page()


@protection.post("/<guard>")
def change(guard: str) -> Response:
    """Switch a guard on or off, or give it other figures."""
    old = next((one["settings"] for one in _guards()["guards"] if one["id"] == guard), None)
    if old is None:
        raise NotFound(f"there is no guard {guard}")
    given = {"id": guard, "settings": _given(old), "base": forms.number(request.form.get("base", ""))}
    try:
        apply("firewall.SetGuard", given, f"{WORDS[guard][0]}: set.")
    except PatronusError as error:
        return _page(error, guard)
    return see(url_for("protection.show"))


def _given(old: dict[str, Any]) -> dict[str, Any]:
    form = request.form
    found = dict(old)
    if "enabled" in form:
        found["enabled"] = form["enabled"] == "yes"
    if "rate" in form:
        found["rate"] = form["rate"].strip() or None
    if "burst" in form:
        found["burst"] = forms.ports(form["burst"])
    if "early_asked" in form:
        found["early"] = "early" in form
    if "allow" in form:
        found["allow"] = forms.items(form["allow"])
    return {key: value for key, value in found.items() if value is not None}


def _guards() -> dict[str, Any]:
    return dict(daemon().call("firewall.ListGuards"))


def _page(error: PatronusError | None = None, refused: str | None = None) -> Response:
    """Show the guards, and what was typed for the one that was refused."""
    base = daemon().call("system.Status")["generation"]
    return page("protection.html", error, **_guards(), words=WORDS, refused=refused, base=base)
