# SPDX-License-Identifier: GPL-2.0-or-later
"""Static routes and policies of routing: list, add, change, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import NotFound, PatronusError
from patronus.core.typed import number_or_text
from patronus.core.way_text import parse_way, write_way
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, base_of_form, moved, page, see

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
    try:
        apply("routing.Add", _route(), "Route added.")
    except PatronusError as error:
        return _page(error, route=request.form)
    return see(url_for("routing.show"))


@routing.route("/<route_id>/edit", methods=("GET", "POST"))
def edit(route_id: str) -> Response:
    """Change a route."""
    old = _find(_routes(), route_id, "route")
    title = f"Edit the route to {old['destination']}"
    if request.method == "GET":
        return _form("route", title, typed(old))
    try:
        apply("routing.Replace", {"id": route_id, **_route(), **_beside()}, "Route changed.")
    except PatronusError as error:
        return _form("route", title, request.form, error)
    return see(url_for("routing.show"))


@routing.post("/policies/add")
def add_policy() -> Response:
    """Add a policy."""
    try:
        apply("routing.AddPolicy", _policy(), "Policy added.")
    except PatronusError as error:
        return _page(error, policy=request.form)
    return see(url_for("routing.show"))


@routing.route("/policies/<policy_id>/edit", methods=("GET", "POST"))
def edit_policy(policy_id: str) -> Response:
    """Change a policy; its place stays."""
    old = _find(_policies(), policy_id, "policy of routing")
    title = f"Edit policy {policy_id}"
    if request.method == "GET":
        return _form("policy", title, typed(old))
    try:
        apply("routing.ReplacePolicy", {"id": policy_id, **_policy(), **_beside()}, "Policy changed.")
    except PatronusError as error:
        return _form("policy", title, request.form, error)
    return see(url_for("routing.show"))


@routing.post("/policies/<policy_id>/move")
def move_policy(policy_id: str) -> Response:
    """Move a policy one place up or down, or before another, or to the end."""
    moved("routing.MovePolicy", [item["id"] for item in _policies()], policy_id, "Policy moved.")
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


def typed(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return a route or a policy as a person would type it into its form."""
    ports = configuration.get("ports", ())
    return {
        **configuration,
        "ways": ", ".join(map(write_way, configuration.get("gateways", ()))),
        "ports": ", ".join(map(str, ports if isinstance(ports, list | tuple) else [ports])),
        "enabled": configuration.get("enabled", True),
    }


def _route() -> dict[str, Any]:
    """Return what the form says of a route."""
    metric = forms.number(request.form.get("metric", "").strip())
    return {**_words(WORDS), **_ways(), **({} if metric is None else {"metric": metric})}


def _policy() -> dict[str, Any]:
    """Return what the form says of a policy."""
    ports = [
        number_or_text(text.strip()) for text in request.form.get("ports", "").split(",") if text.strip()
    ]
    return {**_words(CONDITIONS), **_ways(), **({"ports": ports} if ports else {})}


def _beside() -> dict[str, Any]:
    """Return what the form of a change says beside: whether it is in use, and of which generation it is."""
    off = {} if "enabled" in request.form else {"enabled": False}
    return {"base": forms.number(request.form.get("base", "")), **off}


def _words(keys: Sequence[str]) -> dict[str, str]:
    """Return the fields of the form that were filled in."""
    return {key: text for key in keys if (text := request.form.get(key, "").strip())}


def _ways() -> dict[str, Any]:
    """Return the ways that were given, one beside the other."""
    ways = [parse_way(text) for text in request.form.get("ways", "").split(",") if text.strip()]
    return {"gateways": ways} if ways else {}


def _routes() -> list[dict[str, Any]]:
    return list(daemon().call("routing.List")["routes"])


def _policies() -> list[dict[str, Any]]:
    return list(daemon().call("routing.ListPolicies")["policies"])


def _find(listed: Sequence[Mapping[str, Any]], name: str, noun: str) -> dict[str, Any]:
    for item in listed:
        if item["id"] == name:
            return dict(item["configuration"])
    raise NotFound(f"no {noun} is called {name}")


def _names() -> dict[str, list[str]]:
    """Return the names that the forms offer."""
    return {
        "roles": [item["id"] for item in daemon().call("interfaces.List")["interfaces"]],
        "uplinks": [item["id"] for item in daemon().call("uplinks.List")["uplinks"]],
    }


def _form(kind: str, title: str, given: Mapping[str, Any], error: PatronusError | None = None) -> Response:
    return page(
        "way_edit.html", error, kind=kind, title=title, given=given, back=url_for("routing.show"),
        base=base_of_form(error), **_names(),
    )  # fmt: skip


def _page(
    error: PatronusError | None = None,
    *,
    route: Mapping[str, str] | None = None,
    policy: Mapping[str, str] | None = None,
) -> Response:
    """Fill the page; ``route`` or ``policy`` is the form that was refused, to be mended."""
    return page(
        "routing.html", error, routes=_routes(), policies=_policies(),
        others=daemon().call("routing.Neighbors"), given=route or {}, wanted=policy or {}, **_names(),
    )  # fmt: skip
