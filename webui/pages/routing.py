# SPDX-License-Identifier: GPL-2.0-or-later
"""Static routes and policies of routing: list, add, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import PatronusError
from patronus.core.typed import number_or_text
from patronus.core.way_text import parse_way
from webui.daemon import daemon
from webui.pages.change import apply, page, see

routing = Blueprint("routing", __name__, url_prefix="/routes")

WORDS = ("destination", "gateway", "interface", "type", "description")
CONDITIONS = ("source", "destination", "interface", "protocol", "mark", "uplink", "over", "description")


@routing.get("")
def show() -> Response:
    """List the routes and the form for a new one."""
    return _page()


@routing.post("/add")
def add() -> Response:
    """Add a route."""
    given: dict[str, Any] = {**_words(WORDS), **_ways()}
    if metric := request.form.get("metric", "").strip():
        given["metric"] = number_or_text(metric)
    try:
        apply("routing.Add", given, "Route added.")
    except PatronusError as error:
        return _page(error, route=request.form)
    return see(url_for("routing.show"))


@routing.post("/policies/add")
def add_policy() -> Response:
    """Add a policy."""
    given: dict[str, Any] = {**_words(CONDITIONS), **_ways()}
    ports = [
        number_or_text(text.strip()) for text in request.form.get("ports", "").split(",") if text.strip()
    ]
    if ports:
        given["ports"] = ports
    try:
        apply("routing.AddPolicy", given, "Policy added.")
    except PatronusError as error:
        return _page(error, policy=request.form)
    return see(url_for("routing.show"))


@routing.post("/policies/<policy_id>/delete")
def delete_policy(policy_id: str) -> Response:
    """Delete a policy."""
    apply("routing.RemovePolicy", {"id": policy_id}, "Policy deleted.")
    return see(url_for("routing.show"))


@routing.post("/<route_id>/delete")
def delete(route_id: str) -> Response:
    """Delete a route."""
    apply("routing.Remove", {"id": route_id}, "Route deleted.")
    return see(url_for("routing.show"))


def _words(keys: Sequence[str]) -> dict[str, str]:
    """Return the fields of the form that were filled in."""
    return {key: text for key in keys if (text := request.form.get(key, "").strip())}


def _ways() -> dict[str, Any]:
    """Return the ways that were given, one beside the other."""
    ways = [parse_way(text) for text in request.form.get("ways", "").split(",") if text.strip()]
    return {"gateways": ways} if ways else {}


def _page(
    error: PatronusError | None = None,
    *,
    route: Mapping[str, str] | None = None,
    policy: Mapping[str, str] | None = None,
) -> Response:
    """Fill the page; ``route`` or ``policy`` is the form that was refused, to be mended."""
    roles = [item["id"] for item in daemon().call("interfaces.List")["interfaces"]]
    listed = daemon().call("routing.List")["routes"]
    policies = daemon().call("routing.ListPolicies")["policies"]
    return page(
        "routing.html",
        error,
        routes=listed,
        policies=policies,
        others=daemon().call("routing.Neighbors"),
        roles=roles,
        uplinks=[item["id"] for item in daemon().call("uplinks.List")["uplinks"]],
        given=route or {},
        wanted=policy or {},
    )
