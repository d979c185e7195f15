# SPDX-License-Identifier: GPL-2.0-or-later
"""Zones: what is in each, and who may speak to whom when no rule says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import NotFound, PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, base_of_form, page, see

zones = Blueprint("zones", __name__, url_prefix="/zones")

ACTIONS = ("allow", "drop", "reject")
SELF = "self"
"""The zone that is the router itself."""


@zones.get("")
def show() -> Response:
    """Show the zones, and from each to each what happens."""
    return _page()


@zones.route("/new", methods=("GET", "POST"))
def add() -> Response:
    """Add a zone."""
    if request.method == "GET":
        return _form({}, None)
    zone = _zone({}, [item["id"] for item in _found()["zones"]])
    try:
        apply("firewall.AddZone", {"zone": zone}, "Zone added.")
    except PatronusError as error:
        return _form(zone, None, error)
    return see(url_for("zones.show"))


@zones.post("/default")
def default() -> Response:
    """Say what happens between zones that say nothing of each other."""
    try:
        given = {"default": request.form.get("default", "")}
        apply("firewall.SetZoneDefault", given, "Changed what happens between zones.")
    except PatronusError as error:
        return _page(error)
    return see(url_for("zones.show"))


@zones.route("/<zone_id>/edit", methods=("GET", "POST"))
def edit(zone_id: str) -> Response:
    """Change a zone."""
    found = _found()["zones"]
    item = next((item for item in found if item["id"] == zone_id), None)
    if item is None:
        raise NotFound(f"no zone is called {zone_id}")
    if request.method == "GET":
        return _form(item["zone"], zone_id)
    zone = _zone(item["zone"], [item["id"] for item in found])
    base = forms.number(request.form.get("base", ""))
    try:
        apply("firewall.ReplaceZone", {"id": zone_id, "zone": zone, "base": base}, "Zone changed.")
    except PatronusError as error:
        return _form(zone, zone_id, error)
    return see(url_for("zones.show"))


@zones.post("/<zone_id>/to/<other>")
def pair(zone_id: str, other: str) -> Response:
    """Say what happens from one zone to another."""
    action = request.form.get("action") or None
    given = {"id": zone_id, "to": other, **({"action": action} if action else {})}
    try:
        apply("firewall.SetZonePair", given, f"Changed what happens from {zone_id} to {name_of(other)}.")
    except PatronusError as error:
        return _page(error)
    return see(url_for("zones.show"))


@zones.post("/<zone_id>/delete")
def delete(zone_id: str) -> Response:
    """Delete a zone; where it is named, say by whom."""
    try:
        apply("firewall.RemoveZone", {"id": zone_id}, "Zone deleted.")
    except PatronusError as error:
        return _page(error)
    return see(url_for("zones.show"))


def name_of(zone: str) -> str:
    """Return what people call a zone."""
    return "the router" if zone == SELF else zone


def _found() -> dict[str, Any]:
    return dict(daemon().call("firewall.ListZones"))


def _zone(old: Mapping[str, Any], others: list[str]) -> dict[str, Any]:
    """Return what the form says, as the file has it; in the order that ``old`` has."""
    form = request.form
    own = form.get("id", "").strip()
    order = dict.fromkeys((*old.get("to", {}), *others, *([own] if own else []), SELF))
    reach = {other: action for other in order if (action := form.get(f"to-{other}", ""))}
    limited = {"self_services": forms.items(form.get("self_services", ""))} if "limited" in form else {}
    return {**({"id": own} if own else {}), **({"to": reach} if reach else {}), **limited}


def _page(error: PatronusError | None = None) -> Response:
    found = _found()
    return page(
        "zones.html", error, zones=found["zones"], default=found["default"], actions=ACTIONS,
        others=[*(item["id"] for item in found["zones"]), SELF], name_of=name_of,
    )  # fmt: skip


def _form(zone: Mapping[str, Any], zone_id: str | None, error: PatronusError | None = None) -> Response:
    found = _found()
    return page(
        "zone.html", error, zone=zone, zone_id=zone_id, default=found["default"], actions=ACTIONS,
        others=[*(item["id"] for item in found["zones"]), SELF], name_of=name_of,
        base=base_of_form(error),
    )  # fmt: skip
