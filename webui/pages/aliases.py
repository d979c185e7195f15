# SPDX-License-Identifier: GPL-2.0-or-later
"""Aliases, the names that rules have for addresses and ports: list, add, change, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import NotFound, PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, base_of_form, page, see

aliases = Blueprint("aliases", __name__, url_prefix="/aliases")

KINDS = {
    "addresses": ("Addresses", "192.168.1.0/24, 10.0.0.1-10.0.0.9"),
    "ports": ("Ports", "443, 8000-8100"),
    "list": ("A list", "https://…, or a file in /etc/patronus/lists"),
    "names": ("Hosts by name", "nas.home.arpa"),
    "countries": ("Countries", "DE, AT"),
}
"""What an alias can hold, as people call it, and how its entries look."""
SHOWN = 5
"""Entries that the table shows of an alias."""


@aliases.get("")
def show() -> Response:
    """List the aliases, and who uses each."""
    return _page()


@aliases.route("/new", methods=("GET", "POST"))
def add() -> Response:
    """Add an alias."""
    if request.method == "GET":
        return _form({"kind": request.args.get("kind", "addresses")}, None)
    try:
        apply("firewall.AddAlias", {"alias": _alias()}, "Alias added.")
    except PatronusError as error:
        return _form(request.form, None, error)
    return see(url_for("aliases.show"))


@aliases.route("/<alias_id>/edit", methods=("GET", "POST"))
def edit(alias_id: str) -> Response:
    """Change an alias."""
    found = next((item for item in _listed() if item["id"] == alias_id), None)
    if found is None:
        raise NotFound(f"no alias is called {alias_id}")
    if request.method == "GET":
        return _form(_fields(found), found)
    base = forms.number(request.form.get("base", ""))
    try:
        apply("firewall.ReplaceAlias", {"id": alias_id, "alias": _alias(), "base": base}, "Alias changed.")
    except PatronusError as error:
        return _form(request.form, found, error)
    return see(url_for("aliases.show"))


@aliases.post("/<alias_id>/delete")
def delete(alias_id: str) -> Response:
    """Delete an alias; where it is named, say by whom."""
    try:
        apply("firewall.RemoveAlias", {"id": alias_id}, "Alias deleted.")
    except PatronusError as error:
        return _page(error)
    return see(url_for("aliases.show"))


def entries(alias: Mapping[str, Any]) -> list[Any]:
    """Return what an alias holds, entry by entry; of a list where it comes from."""
    content = next((alias[kind] for kind in KINDS if kind in alias), None)
    if isinstance(content, dict):
        return [content.get("url") or content.get("file")]
    return content if isinstance(content, list) else [content]


def _listed() -> list[dict[str, Any]]:
    return list(daemon().call("firewall.ListAliases")["aliases"])


def _fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alias as the form shows it."""
    alias, kind = item["alias"], item["kind"]
    text = "\n".join(str(entry) for entry in entries(alias))
    return {**(alias["list"] if kind == "list" else {}), **alias, "kind": kind, "entries": text}


def _alias() -> dict[str, Any]:
    """Return what the form says, as the file has it."""
    given = {
        key: text for key in ("id", "kind", "description") if (text := request.form.get(key, "").strip())
    }
    kind, typed = given.pop("kind", ""), request.form.get("entries", "")
    return {**given, kind: _list(typed) if kind == "list" else forms.tags(typed)} if kind else given


def _list(typed: str) -> dict[str, str]:
    """Return where a list comes from: an address of the web, or a file of this router."""
    words = ("refresh", "ca")
    more = {key: text for key in words if (text := request.form.get(key, "").strip())}
    place = typed.strip()
    return {"url" if "://" in place else "file": place, **more}


def _page(error: PatronusError | None = None) -> Response:
    return page("aliases.html", error, aliases=_listed(), kinds=KINDS, entries=entries, most=SHOWN)


def _form(
    given: Mapping[str, Any], found: Mapping[str, Any] | None, error: PatronusError | None = None
) -> Response:
    base = base_of_form(error)
    return page("alias.html", error, given=given, found=found, kinds=KINDS, base=base)
