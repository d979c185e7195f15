# SPDX-License-Identifier: GPL-2.0-or-later
"""What is blocked everywhere: list, block for a time or for good, unblock."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages.change import apply, page, see

blocklist = Blueprint("blocklist", __name__, url_prefix="/blocklist")

SPANS = (
    ("", "for good"),
    ("600", "10 minutes"),
    ("3600", "1 hour"),
    ("86400", "1 day"),
    ("604800", "1 week"),
)


@blocklist.get("")
def show() -> Response:
    """List the blocks."""
    return _page()


@blocklist.post("")
def block() -> Response:
    """Block a prefix."""
    form = request.form
    given: dict[str, Any] = {"prefix": form.get("prefix", "").strip()}
    if reason := form.get("reason", "").strip():
        given["reason"] = reason
    if form.get("for_s", "").isdigit():
        given["for_s"] = int(form["for_s"])
    try:
        apply("firewall.Block", given, f"{given['prefix']} is blocked.")
    except PatronusError as error:
        return _page(error, given)
    return see(url_for("blocklist.show"))


@blocklist.post("/unblock")
def unblock() -> Response:
    """End a block."""
    prefix = request.form.get("prefix", "")
    apply("firewall.Unblock", {"prefix": prefix}, f"{prefix} is no longer blocked.")
    return see(url_for("blocklist.show"))


def _page(error: PatronusError | None = None, given: dict[str, Any] | None = None) -> Response:
    blocks = daemon().call("firewall.ListBlocks")["blocks"]
    return page("blocklist.html", error, blocks=blocks, spans=SPANS, given=given or {})
