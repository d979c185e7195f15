# SPDX-License-Identifier: GPL-2.0-or-later
"""The firewall's rules: list, add, edit, switch on and off, reorder, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from patronus.core.errors import NotFound, PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, page, see

rules = Blueprint("rules", __name__, url_prefix="/rules")

FIELDS = (
    "name", "description", "group", "tags", "from", "to", "source", "destination", "protocol", "source_port",
    "destination_port", "icmp_type", "tcp_flags", "dscp", "mark", "action", "reject_with", "set_mark", "log",
    "enabled",
)  # fmt: skip
"""The keys of a rule that the form shows; what else a rule has (limit, schedule, …) stays as it is."""
MORE = (
    "description", "group", "tags", "source_port", "icmp_type", "tcp_flags", "dscp", "mark", "reject_with",
    "set_mark",
)  # fmt: skip
"""The keys that the form keeps folded up where a rule has none of them."""
WORDS = ("name", "description", "group", "to", "mark", "reject_with", "set_mark")
LISTS = ("source", "destination", "protocol", "tcp_flags")
NUMBERS = ("source_port", "destination_port", "icmp_type", "dscp")
"""How the form's fields are read: one word, words, or numbers and words."""


@rules.get("")
def show() -> str:
    """List the rules in the order in which they are tried."""
    return render_template("rules.html", rules=_rules())


@rules.route("/new", methods=("GET", "POST"))
def add() -> Response:
    """Add a rule."""
    if request.method == "GET":
        return _form({"action": "allow", "enabled": True, **request.args.to_dict()}, None)
    rule = _given({})
    index = 0 if request.form.get("place") == "first" else None
    return _submit("firewall.AddRule", {"rule": rule, "index": index}, "Rule added.", rule, None)


@rules.route("/<rule_id>", methods=("GET", "POST"))
def edit(rule_id: str) -> Response:
    """Edit a rule."""
    old = _find(rule_id)
    if request.method == "GET":
        return _form(old, rule_id)
    rule = _given(old)
    base = request.form.get("base", "")
    given = {"id": rule_id, "rule": rule, "base": int(base) if base.isascii() and base.isdigit() else None}
    return _submit("firewall.ReplaceRule", given, "Rule changed.", rule, rule_id)


@rules.post("/<rule_id>/switch")
def switch(rule_id: str) -> Response:
    """Switch a rule on or off."""
    rule = _find(rule_id)
    enabled = request.form.get("enabled") == "yes"
    said = "Rule switched on." if enabled else "Rule switched off."
    apply("firewall.ReplaceRule", {"id": rule_id, "rule": rule | {"enabled": enabled}}, said)
    return see(url_for("rules.show"))


@rules.post("/<rule_id>/move")
def move(rule_id: str) -> Response:
    """Move a rule one place up or down."""
    order = [item["id"] for item in _rules()]
    if rule_id not in order:
        raise NotFound(f"there is no rule {rule_id}")
    place = order.index(rule_id) + (-1 if request.form.get("way") == "up" else 1)
    if 0 <= place < len(order):
        apply("firewall.MoveRule", {"id": rule_id, "index": place}, "Rule moved.")
    return see(url_for("rules.show"))


@rules.post("/<rule_id>/delete")
def delete(rule_id: str) -> Response:
    """Delete a rule."""
    apply("firewall.RemoveRule", {"id": rule_id}, "Rule deleted.")
    return see(url_for("rules.show"))


def _rules() -> list[dict[str, Any]]:
    return list(daemon().call("firewall.ListRules")["rules"])


def _find(rule_id: str) -> dict[str, Any]:
    for item in _rules():
        if item["id"] == rule_id:
            return dict(item["rule"])
    raise NotFound(f"there is no rule {rule_id}")


def _given(old: Mapping[str, Any]) -> dict[str, Any]:
    form = request.form
    given = {
        **{key: form.get(key, "").strip() or None for key in WORDS},
        **{key: forms.one_or_many(form.get(key, "")) for key in LISTS},
        "tags": forms.items(form.get("tags", "")) or None,
        "from": _origin(old, form.get("from", "")),
        **{key: forms.ports(form.get(key, "")) for key in NUMBERS},
        "action": form.get("action", ""),
        "log": (old.get("log") or True) if "log" in form else None,
        "enabled": None if "enabled" in form else False,
    }
    return forms.changed(old, given, FIELDS)


def _origin(old: Mapping[str, Any], zone: str) -> Any:
    """Return the zone; the rest of an origin that the form does not show is kept."""
    before = old.get("from")
    if isinstance(before, dict) and before.keys() - {"zone"}:
        return (
            {**before, "zone": zone}
            if zone
            else {key: value for key, value in before.items() if key != "zone"}
        )
    return zone or None


def _submit(
    verb: str, parameters: dict[str, Any], said: str, rule: dict[str, Any], rule_id: str | None
) -> Response:
    try:
        apply(verb, {key: value for key, value in parameters.items() if value is not None}, said)
    except PatronusError as error:
        return _form(rule, rule_id, error)
    return see(url_for("rules.show"))


def _form(rule: Mapping[str, Any], rule_id: str | None, error: PatronusError | None = None) -> Response:
    zones = [zone["id"] for zone in daemon().call("firewall.ListZones")["zones"]]
    base = daemon().call("system.Status")["generation"]
    more = error is not None or any(rule.get(key) is not None for key in MORE)
    return page("rule.html", error, rule=rule, rule_id=rule_id, zones=zones, base=base, more=more)
