# SPDX-License-Identifier: GPL-2.0-or-later
"""Port forwards and masquerading: list, add, delete."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, page, see

nat = Blueprint("nat", __name__, url_prefix="/nat")


@nat.get("")
def show() -> Response:
    """List the translations and the forms for new ones."""
    return _page()


@nat.post("/forward")
def forward() -> Response:
    """Add a port forward."""
    form = request.form
    entry = {
        "type": "dnat",
        "name": form.get("name", "").strip() or None,
        "in": form.get("in", ""),
        "protocol": form.get("protocol", "tcp"),
        "destination_port": forms.ports(form.get("destination_port", "")),
        "to": form.get("to", "").strip(),
        "hairpin": "hairpin" in form,
        "rule": "rule" in form,
    }
    if entry["protocol"] == "both":
        entry["protocol"] = ["tcp", "udp"]
    return _add(entry, "Port forward added.")


@nat.post("/masquerade")
def masquerade() -> Response:
    """Hide what leaves through a zone behind the router's address."""
    form = request.form
    entry = {
        "type": "masquerade",
        "out": form.get("out", ""),
        "source": forms.one_or_many(form.get("source", "")),
    }
    return _add(entry, "Masquerading added.")


@nat.post("/<entry_id>/delete")
def delete(entry_id: str) -> Response:
    """Delete a translation."""
    apply("firewall.RemoveNat", {"id": entry_id}, "Translation deleted.")
    return see(url_for("nat.show"))


def _add(entry: dict[str, Any], said: str) -> Response:
    given = {key: value for key, value in entry.items() if value is not None}
    try:
        apply("firewall.AddNat", {"entry": given}, said)
    except PatronusError as error:
        return _page(error, given)
    return see(url_for("nat.show"))


def _page(error: PatronusError | None = None, given: dict[str, Any] | None = None) -> Response:
    entries = daemon().call("firewall.ListNat")["nat"]
    zones = [zone["id"] for zone in daemon().call("firewall.ListZones")["zones"]]
    return page("nat.html", error, entries=entries, zones=zones, given=given or {})
