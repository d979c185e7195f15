# SPDX-License-Identifier: GPL-2.0-or-later
"""The firewall's rules: list, add, edit, switch on and off, reorder, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from patronus.core.errors import InvalidRequest, NotFound, PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, base_of_form, moved, page, see
from webui.pages.words import DAYS

rules = Blueprint("rules", __name__, url_prefix="/rules")

WORDS = ("name", "description", "group", "to", "interface", "mark", "reject_with", "set_mark", "helper")
LISTS = ("source", "destination", "protocol", "tcp_flags", "state")
NUMBERS = ("source_port", "destination_port", "icmp_type", "dscp", "set_dscp")
"""How the form's fields are read: one word, words, or numbers and words."""
PARTS: dict[str, dict[str, Callable[[str], Any]]] = {
    "log": {"rate": str, "burst": forms.number, "prefix": str},
    "limit": {"rate": str, "burst": forms.number, "per": str, "over": bool},
    "queue": {"numbers": forms.number, "bypass": bool, "fanout": bool},
    "connections": {"most": forms.number, "per": str, "over": bool},
    "schedule": {"time": str, "timezone": str},
}
"""Keys that hold keys: the field ``limit_rate`` is the key ``rate`` of ``limit``."""
FIELDS = (*WORDS, *LISTS, *NUMBERS, *PARTS, "tags", "from", "action", "enabled")
"""The keys of a rule that the form shows; what else a rule has stays as it is, and is named."""
FOLDED = {
    "match": ("source_port", "icmp_type", "tcp_flags", "dscp", "state", "mark", "interface"),
    "limits": ("limit", "connections"),
    "times": ("schedule",),
    "words": ("description", "group", "tags"),
    "verdict": ("reject_with", "queue", "set_mark", "set_dscp", "helper"),
}
"""The parts of the form that are folded up where a rule has none of their keys."""


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
    return _submit("firewall.AddRule", {"rule": rule}, "Rule added.", rule, None)


@rules.route("/<rule_id>", methods=("GET", "POST"))
def edit(rule_id: str) -> Response:
    """Edit a rule."""
    old = _find(rule_id)
    if request.method == "GET":
        return _form(old, rule_id)
    rule = _given(old)
    given = {"id": rule_id, "rule": rule, "base": forms.number(request.form.get("base", ""))}
    return _submit("firewall.ReplaceRule", given, "Rule changed.", rule, rule_id)


@rules.post("/<rule_id>/switch")
def switch(rule_id: str) -> Response:
    """Switch a rule on or off."""
    enabled = request.form.get("enabled") == "yes"
    said = "Rule switched on." if enabled else "Rule switched off."
    apply("firewall.SwitchRule", {"id": rule_id, "enabled": enabled}, said)
    return see(url_for("rules.show"))


@rules.post("/<rule_id>/move")
def move(rule_id: str) -> Response:
    """Move a rule one place up or down, or before another, or to the end."""
    moved("firewall.MoveRule", [item["id"] for item in _rules()], rule_id, "Rule moved.")
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
        "from": _origin(old, form.get("from", "").strip(), form.get("mac", "").strip()),
        **{key: forms.ports(form.get(key, "")) for key in NUMBERS},
        **{key: _part(key) for key in PARTS},
        "action": form.get("action", ""),
        "enabled": None if "enabled" in form else False,
    }
    given["log"] = _log(old, given["log"])
    return forms.changed(old, given, FIELDS)


def _part(key: str) -> dict[str, Any] | None:
    """Return a key that holds keys, or None where none of its fields says anything."""
    read = {name: (kind, request.form.get(f"{key}_{name}", "").strip()) for name, kind in PARTS[key].items()}
    found: dict[str, Any] = {name: kind(text) for name, (kind, text) in read.items() if text}
    if key == "schedule":
        days = request.form.getlist("schedule_days")
        found |= {"days": days} if 0 < len(days) < len(DAYS) else {}
    return found or None


def _log(old: Mapping[str, Any], figures: dict[str, Any] | None) -> dict[str, Any] | bool | None:
    """Return how matches are logged: figures that are new switch it on, as the box does."""
    wanted = "log" in request.form or (figures is not None and figures != old.get("log"))
    return (figures or True) if wanted else None


def _index() -> int | None:
    """Return the position that the form asks for, 0 is first; None for the one that the rule has, or the end.

    Raises InvalidRequest.
    """
    typed = request.form.get("place", "").strip()
    if typed == request.form.get("place_was", ""):
        return None
    place = forms.number(typed)
    if isinstance(place, str) or place == 0:
        raise InvalidRequest(f"{typed} is no place in the order: 1 is tried first")
    return None if place is None else place - 1


def _origin(old: Mapping[str, Any], zone: str, mac: str) -> Any:
    """Return where the packets come from; what the form does not show of it is kept."""
    before = old.get("from")
    found = dict(before) if isinstance(before, dict) else {}
    found |= {"zone": zone, "mac": mac}
    found = {key: value for key, value in found.items() if value}
    return zone if found.keys() == {"zone"} else found or None


def _submit(
    verb: str, parameters: dict[str, Any], said: str, rule: dict[str, Any], rule_id: str | None
) -> Response:
    try:
        given = {**parameters, "index": _index()}
        apply(verb, {key: value for key, value in given.items() if value is not None}, said)
    except PatronusError as error:
        return _form(rule, rule_id, error)
    return see(url_for("rules.show"))


def _form(rule: Mapping[str, Any], rule_id: str | None, error: PatronusError | None = None) -> Response:
    zones = [zone["id"] for zone in daemon().call("firewall.ListZones")["zones"]]
    base = base_of_form(error)
    order = [item["id"] for item in _rules()]
    place = order.index(rule_id) + 1 if rule_id in order else ""
    origin = rule.get("from")
    origin = origin if isinstance(origin, dict) else {"zone": origin}
    return page(
        "rule.html", error, rule=rule, rule_id=rule_id, zones=zones, base=base, days=DAYS, origin=origin,
        place=request.form.get("place", place), place_was=place, count=len(order),
        opened={part for part, keys in FOLDED.items() if any(rule.get(key) is not None for key in keys)},
        parts={key: rule[key] if isinstance(rule.get(key), dict) else {} for key in PARTS},
        kept=sorted(rule.keys() - {*FIELDS, "id"}),
    )  # fmt: skip
