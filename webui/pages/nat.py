# SPDX-License-Identifier: GPL-2.0-or-later
"""Translation of addresses: list, add each kind, change, switch on and off, reorder, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import NotFound, PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, base_of_form, moved, page, see

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
NAMES = {
    "dnat": "Port forward", "masquerade": "Masquerade", "snat": "Source address", "one-to-one": "One to one",
    "nptv6": "IPv6 prefix", "exempt": "Exception",
}  # fmt: skip
_MAPPED = ("type", "name", "zone", "inside", "outside", *SWITCHES)
SHOWN = {
    "dnat": ("name", "in", "protocol", "destination_port", "to", "source", "helper", *SWITCHES),
    "masquerade": ("out", "source"),
    "snat": ("out", "source", "destination", "to"),
    "one-to-one": _MAPPED,
    "nptv6": _MAPPED,
    "exempt": ("in", "out", "source", "destination"),
}
"""Type of an entry → its keys that the form shows; what else it says stays as it is, and is named."""


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


@nat.route("/<entry_id>/edit", methods=("GET", "POST"))
def edit(entry_id: str) -> Response:
    """Change a translation; its kind, its place and its counter stay."""
    old = next((dict(item["entry"]) for item in _entries() if item["id"] == entry_id), None)
    if old is None:
        raise NotFound(f"no translation is called {entry_id}")
    if request.method == "GET":
        return _form(entry_id, old)
    entry = _changed(old)
    given = {"id": entry_id, "entry": entry, "base": forms.number(request.form.get("base", ""))}
    try:
        apply("firewall.ReplaceNat", given, "Translation changed.")
    except PatronusError as error:
        return _form(entry_id, entry, error)
    return see(url_for("nat.show"))


@nat.post("/<entry_id>/switch")
def switch(entry_id: str) -> Response:
    """Switch a translation on or off."""
    enabled = request.form.get("enabled") == "yes"
    said = "Translation switched on." if enabled else "Translation switched off."
    apply("firewall.SwitchNat", {"id": entry_id, "enabled": enabled}, said)
    return see(url_for("nat.show"))


@nat.post("/<entry_id>/move")
def move(entry_id: str) -> Response:
    """Move a translation one place up or down, or before another, or to the end."""
    moved("firewall.MoveNat", [item["id"] for item in _entries()], entry_id, "Translation moved.")
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
    if type_ in ("dnat", "one-to-one", "nptv6"):
        found |= {key: key in form for key in SWITCHES}
    if "protocol" in form:
        both = form["protocol"] == "both"
        found["protocol"] = ["tcp", "udp"] if both else forms.one_or_many(form["protocol"])
    if type_ in ("one-to-one", "nptv6"):
        type_ = "nptv6" if form.get("kind") == "nptv6" else "one-to-one"
    return {"type": type_, **found}


def _changed(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry as the form says it; what is as it was is said as it was."""
    given, shown = _given(old["type"]), SHOWN[old["type"]]
    for key in set(SWITCHES) & set(shown):
        if given[key] == old.get(key, key == "rule" and old["type"] == "dnat"):
            given[key] = old.get(key)
    if given.get("protocol") == old.get("protocol", "tcp"):
        given["protocol"] = old.get("protocol")
    return forms.changed(old, {key: given[key] for key in shown if key in given}, shown)


def _entries() -> list[dict[str, Any]]:
    return list(daemon().call("firewall.ListNat")["nat"])


def _zones() -> list[str]:
    return [zone["id"] for zone in daemon().call("firewall.ListZones")["zones"]]


def _page(error: PatronusError | None = None, given: dict[str, Any] | None = None) -> Response:
    return page("nat.html", error, entries=_entries(), zones=_zones(), given=given or {}, names=NAMES)


def _form(entry_id: str, entry: Mapping[str, Any], error: PatronusError | None = None) -> Response:
    kept = [key for key in entry if key not in (*SHOWN[entry["type"]], "id", "type", "enabled")]
    return page(
        "nat_entry.html", error, entry=entry, entry_id=entry_id, zones=_zones(), kept=kept,
        what=NAMES[entry["type"]].lower(), base=base_of_form(error),
    )  # fmt: skip
