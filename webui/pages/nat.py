# SPDX-License-Identifier: GPL-2.0-or-later
"""Translation of addresses: list, add each kind, switch on and off, delete."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, page, see

nat = Blueprint("nat", __name__, url_prefix="/nat")

KINDS = {
    "forward": ("dnat", "Port forward added."),
    "masquerade": ("masquerade", "Masquerading added."),
    "source": ("snat", "Source address added."),
    "mapping": ("one-to-one", "Mapping added."),
    "exception": ("exempt", "Exception added."),
}
"""The forms: type of the entry, and what is said once it is there."""
WORDS = ("name", "in", "out", "zone", "to", "inside", "outside", "helper")
LISTS = ("source", "destination")
SWITCHES = ("hairpin", "rule")
"""How the forms' fields are read: one word, words, or a box to tick."""


@nat.get("")
def show() -> Response:
    """List the translations and the forms for new ones."""
    return _page()


@nat.post("/<any(forward, masquerade, source, mapping, exception):kind>")
def add(kind: str) -> Response:
    """Add a translation by one of the forms."""
    type_, said = KINDS[kind]
    given = {key: value for key, value in _given(type_).items() if value is not None}
    try:
        apply("firewall.AddNat", {"entry": given, "index": 0 if type_ == "exempt" else None}, said)
    except PatronusError as error:
        return _page(error, given)
    return see(url_for("nat.show"))


@nat.post("/<entry_id>/switch")
def switch(entry_id: str) -> Response:
    """Switch a translation on or off."""
    enabled = request.form.get("enabled") == "yes"
    said = "Translation switched on." if enabled else "Translation switched off."
    apply("firewall.SwitchNat", {"id": entry_id, "enabled": enabled}, said)
    return see(url_for("nat.show"))


@nat.post("/<entry_id>/delete")
def delete(entry_id: str) -> Response:
    """Delete a translation."""
    apply("firewall.RemoveNat", {"id": entry_id}, "Translation deleted.")
    return see(url_for("nat.show"))


def _given(type_: str) -> dict[str, Any]:
    form = request.form
    found: dict[str, Any] = {
        **{key: form.get(key, "").strip() or None for key in WORDS},
        **{key: forms.one_or_many(form.get(key, "")) for key in LISTS},
        "destination_port": forms.ports(form.get("destination_port", "")),
    }
    if type_ in ("dnat", "one-to-one"):
        found |= {key: key in form for key in SWITCHES}
    if "protocol" in form:
        protocol = form["protocol"] or None
        found["protocol"] = ["tcp", "udp"] if protocol == "both" else protocol
    if type_ == "one-to-one" and form.get("kind") == "nptv6":
        type_ = "nptv6"
    return {"type": type_, **found}


def _entries() -> list[dict[str, Any]]:
    return list(daemon().call("firewall.ListNat")["nat"])


def _page(error: PatronusError | None = None, given: dict[str, Any] | None = None) -> Response:
    zones = [zone["id"] for zone in daemon().call("firewall.ListZones")["zones"]]
    return page("nat.html", error, entries=_entries(), zones=zones, given=given or {})
