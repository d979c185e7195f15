# SPDX-License-Identifier: GPL-2.0-or-later
"""Static routes: list, add, delete."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages.change import apply, page, see

routing = Blueprint("routing", __name__, url_prefix="/routes")

WORDS = ("destination", "gateway", "interface", "type", "description")


@routing.get("")
def show() -> Response:
    """List the routes and the form for a new one."""
    return _page()


@routing.post("/add")
def add() -> Response:
    """Add a route."""
    given: dict[str, str | int] = {key: text for key in WORDS if (text := request.form.get(key, "").strip())}
    metric = request.form.get("metric", "").strip()
    if metric:
        given["metric"] = int(metric) if metric.isascii() and metric.isdigit() else metric
    try:
        apply("routing.Add", given, "Route added.")
    except PatronusError as error:
        return _page(error, given)
    return see(url_for("routing.show"))


@routing.post("/<route_id>/delete")
def delete(route_id: str) -> Response:
    """Delete a route."""
    apply("routing.Remove", {"id": route_id}, "Route deleted.")
    return see(url_for("routing.show"))


def _page(error: PatronusError | None = None, given: dict[str, str | int] | None = None) -> Response:
    roles = [item["id"] for item in daemon().call("interfaces.List")["interfaces"]]
    listed = daemon().call("routing.List")["routes"]
    return page("routing.html", error, routes=listed, roles=roles, given=given or {})
