# SPDX-License-Identifier: GPL-2.0-or-later
"""The uplinks: how each is, add, change, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import NotFound, PatronusError
from patronus.core.typed import number_or_text
from patronus.core.way_text import parse_check, write_check
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, base_of_form, page, see

uplinks = Blueprint("uplinks", __name__, url_prefix="/uplinks")

NUMBERS = ("tier", "weight", "down_after", "up_after")
WORDS = ("needed", "interval", "timeout", "fail_back")
UNCHECKED = "none"
"""What is typed in place of checks where there shall be none."""


@uplinks.get("")
def show() -> Response:
    """List the uplinks and the form for a new one."""
    return _page()


@uplinks.post("/add")
def add() -> Response:
    """Add an uplink."""
    try:
        apply("uplinks.Add", {"uplink": _given(request.form.get("id", "").strip())}, "Uplink added.")
    except PatronusError as error:
        return _page(error, request.form)
    return see(url_for("uplinks.show"))


@uplinks.route("/<uplink_id>/edit", methods=("GET", "POST"))
def edit(uplink_id: str) -> Response:
    """Change an uplink."""
    old = next((item["configuration"] for item in _listed() if item["id"] == uplink_id), None)
    if old is None:
        raise NotFound(f"no uplink is called {uplink_id}")
    if request.method == "GET":
        return _form(uplink_id, typed(old))
    uplink = _given(uplink_id) | ({} if "enabled" in request.form else {"enabled": False})
    base = forms.number(request.form.get("base", ""))
    try:
        apply("uplinks.Replace", {"id": uplink_id, "uplink": uplink, "base": base}, "Uplink changed.")
    except PatronusError as error:
        return _form(uplink_id, request.form, error)
    return see(url_for("uplinks.show"))


@uplinks.post("/<uplink_id>/delete")
def delete(uplink_id: str) -> Response:
    """Delete an uplink."""
    apply("uplinks.Remove", {"id": uplink_id}, "Uplink deleted.")
    return see(url_for("uplinks.show"))


def typed(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return an uplink as a person would type it into its form."""
    checks = configuration.get("checks")
    said = "" if checks is None else ", ".join(map(write_check, checks)) or UNCHECKED
    return {**configuration, "checks": said, "enabled": configuration.get("enabled", True)}


def _given(name: str) -> dict[str, Any]:
    """Return what the form says of an uplink."""
    form = request.form
    filled = {key: text for key in (*WORDS, *NUMBERS) if (text := form.get(key, "").strip())}
    given = {key: number_or_text(text) if key in NUMBERS else text for key, text in filled.items()}
    said = form.get("checks", "").strip()
    checks = [] if said == UNCHECKED else [parse_check(text) for text in said.split(",") if text.strip()]
    return {"id": name, **given, **({"checks": checks} if said else {})}


def _listed() -> list[dict[str, Any]]:
    return list(daemon().call("uplinks.List")["uplinks"])


def _form(uplink_id: str, given: Mapping[str, Any], error: PatronusError | None = None) -> Response:
    return page(
        "way_edit.html", error, kind="uplink", title=f"Edit uplink {uplink_id}", given=given,
        back=url_for("uplinks.show"), base=base_of_form(error),
    )  # fmt: skip


def _page(error: PatronusError | None = None, given: Mapping[str, str] | None = None) -> Response:
    listed = _listed()
    present = {item["id"] for item in listed}
    roles = [item["id"] for item in daemon().call("interfaces.List")["interfaces"]]
    free = [role for role in roles if role not in present]
    return page("uplinks.html", error, uplinks=listed, free=free, given=given or {})
