# SPDX-License-Identifier: GPL-2.0-or-later
"""The uplinks: how each is, add, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from patronus.core.typed import number_or_text
from patronus.core.way_text import parse_check
from webui.daemon import daemon
from webui.pages.change import apply, page, see

uplinks = Blueprint("uplinks", __name__, url_prefix="/uplinks")

NUMBERS = ("tier", "weight", "down_after", "up_after")
WORDS = ("id", "needed", "interval", "timeout", "fail_back")


@uplinks.get("")
def show() -> Response:
    """List the uplinks and the form for a new one."""
    return _page()


@uplinks.post("/add")
def add() -> Response:
    """Add an uplink."""
    filled = {key: text for key in (*WORDS, *NUMBERS) if (text := request.form.get(key, "").strip())}
    given: dict[str, Any] = {
        key: number_or_text(text) if key in NUMBERS else text for key, text in filled.items()
    }
    checks = [parse_check(text) for text in request.form.get("checks", "").split(",") if text.strip()]
    if checks:
        given["checks"] = checks
    try:
        apply("uplinks.Add", {"uplink": given}, "Uplink added.")
    except PatronusError as error:
        return _page(error, request.form)
    return see(url_for("uplinks.show"))


@uplinks.post("/<uplink_id>/delete")
def delete(uplink_id: str) -> Response:
    """Delete an uplink."""
    apply("uplinks.Remove", {"id": uplink_id}, "Uplink deleted.")
    return see(url_for("uplinks.show"))


def _page(error: PatronusError | None = None, given: Mapping[str, str] | None = None) -> Response:
    listed = daemon().call("uplinks.List")["uplinks"]
    present = {item["id"] for item in listed}
    roles = [item["id"] for item in daemon().call("interfaces.List")["interfaces"]]
    free = [role for role in roles if role not in present]
    return page("uplinks.html", error, uplinks=listed, free=free, given=given or {})
