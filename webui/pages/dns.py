# SPDX-License-Identifier: GPL-2.0-or-later
"""The DNS server: how it does, what it answers itself, and what its clients ask."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, flash, request, url_for

from patronus.core.errors import PatronusError
from webui.auth import may
from webui.daemon import daemon
from webui.pages.change import apply, own_target, page, see
from webui.pages.dns_sources import PROTOCOLS, ROUTES, sources
from webui.pages.forms import items

dns = Blueprint("dns", __name__, url_prefix="/dns")
for rule, view, methods in ROUTES:
    dns.add_url_rule(rule, view_func=view, methods=methods)

TYPES = ("A", "AAAA", "CNAME", "TXT", "MX", "SRV", "PTR")
OUTCOMES = {
    "from cache": "From the cache",
    "local": "Its own names",
    "forwarded": "Asked of others",
    "blocked": "Blocked",
    "prefetched": "Asked ahead",
    "stale": "From before",
    "rebinding refused": "Inside addresses",
    "refused": "Refused",
}
"""Counters that a person asks for, and what they count; the others are shown by their own names."""
SHOWN = 100
NONE = "none"
"""Typed in place of blocklists: no list holds."""
SERVER_FIELDS = ("servers", "over", "server_name", "path")
"""Who is asked for the clients of a policy, and how."""
POLICY_FIELDS = ("id", "clients", "interfaces", "blocklists", "records", *SERVER_FIELDS)
FILTERS = ("client", "name", "policy")
"""By what questions of the log are picked."""
NO_POLICY = "-"
"""Picked in place of a policy: what none judged."""


@dns.get("")
def show() -> Response:
    """Show how the server does, and the answer to a question."""
    name, kind = (request.args.get(key, "").strip() for key in ("name", "type"))
    if not name:
        return _page()
    try:
        found = daemon().call("dns.Lookup", {"name": name, "type": kind or "A"})
    except PatronusError as error:
        return _page(error, asked={"name": name, "type": kind})
    return _page(asked={"name": name, "type": kind, **found})


@dns.post("/flush")
def flush() -> Response:
    """Forget what other servers have answered."""
    found = daemon().call("dns.FlushCache")
    flash(f"{found['flushed']} answers forgotten.")
    return see(url_for("dns.show"))


@dns.post("/records/add")
def add() -> Response:
    """Add a record of our own."""
    given = {key: request.form.get(key, "").strip() for key in ("name", "type", "value", "ttl")}
    try:
        apply("dns.AddRecord", {key: text for key, text in given.items() if text}, "Name added.")
    except PatronusError as error:
        return _page(error, given=given)
    return see(url_for("dns.show"))


@dns.post("/records/<record_id>/delete")
def delete(record_id: str) -> Response:
    """Delete a record of our own."""
    apply("dns.RemoveRecord", {"id": record_id}, "Name deleted.")
    return see(url_for("dns.show"))


@dns.post("/policies/add")
def add_policy() -> Response:
    """Add a policy: what some clients are told in place of what all others are."""
    given = {key: request.form.get(key, "").strip() for key in POLICY_FIELDS}
    told: dict[str, Any] = {key: items(given[key]) for key in ("clients", "interfaces") if given[key]}
    if given["id"]:
        told["id"] = given["id"]
    if given["blocklists"]:
        told["blocklists"] = [] if given["blocklists"] == NONE else items(given["blocklists"])
    if request.form.get("only_allowed"):
        told["only_allowed"] = True
    if (translated := request.form.get("dns64", "")) != "":
        told["dns64"] = translated == "yes"
    if given["records"]:
        told["records"] = [_record(text) for text in given["records"].split(";") if text.strip()]
    if given["servers"]:
        told["upstreams"] = [_upstream(text, given) for text in items(given["servers"])]
    try:
        apply("dns.AddPolicy", told, "Policy added.")
    except PatronusError as error:
        kept = {key: request.form.get(key, "") for key in ("only_allowed", "dns64")}
        return _page(error, policy={**given, **kept})
    return see(url_for("dns.show"))


@dns.post("/policies/<policy_id>/servers")
def set_servers(policy_id: str) -> Response:
    """Say which servers are asked for the clients of a policy."""
    given = {key: request.form.get(key, "").strip() for key in SERVER_FIELDS}
    told = {"id": policy_id, "upstreams": [_upstream(text, given) for text in items(given["servers"])]}
    try:
        apply("dns.SetPolicyUpstreams", told, f"Other servers are asked for {policy_id}.")
    except PatronusError as error:
        return _page(error, servers={**given, "id": policy_id})
    return see(url_for("dns.show"))


@dns.post("/policies/<policy_id>/delete")
def delete_policy(policy_id: str) -> Response:
    """Delete a policy."""
    apply("dns.RemovePolicy", {"id": policy_id}, "Policy deleted.")
    return see(url_for("dns.show"))


@dns.post("/names/decide")
def decide() -> Response:
    """Block or allow a name, and go back to where that was asked for."""
    names = ("name", "action", "policy")
    given = {key: text for key in names if (text := request.form.get(key, "").strip())}
    try:
        said = "blocked" if given.get("action") == "block" else "allowed"
        apply("dns.DecideName", given, f"{given.get('name')} is {said}.")
    except PatronusError as error:
        return _page(error, decision=given)
    return see(own_target(request.form.get("back")) or url_for("dns.show"))


@dns.post("/names/forget")
def forget() -> Response:
    """Leave a name to the lists again, and go back to where that was asked for."""
    given = {key: text for key in ("name", "policy") if (text := request.form.get(key, "").strip())}
    apply("dns.ForgetName", given, f"{given.get('name')} is left to the blocklists.")
    return see(own_target(request.form.get("back")) or url_for("dns.show"))


@dns.post("/dns64")
def set_dns64() -> Response:
    """Give names without IPv6 addresses of a translator, or leave them as they are."""
    given: dict[str, Any] = {"everyone": "everyone" in request.form}
    prefix, exclude = request.form.get("prefix", "").strip(), items(request.form.get("exclude", ""))
    given |= {"prefix": prefix} if prefix else {}
    given |= {"exclude": exclude} if exclude else {}
    wanted = given if request.form.get("state") == "on" else None
    try:
        apply("dns.SetDns64", {"dns64": wanted}, "Saved how names without IPv6 are answered.")
    except PatronusError as error:
        return _page(error, translated=given)
    return see(url_for("dns.show"))


def _record(text: str) -> dict[str, str]:
    """Return a record as people write it: name, type and value."""
    return dict(zip(("name", "type", "value"), text.split(maxsplit=2), strict=False))


def _upstream(text: str, given: dict[str, str]) -> dict[str, str]:
    """Return a server, by its address or by the uplink whose it is, and how it is asked."""
    how = {"protocol": given["over"], "name": given["server_name"], "path": given["path"]}
    by = "address" if set(text) & set(".:") else "from"
    return {by: text, **{key: said for key, said in how.items() if said}}


@dns.get("/queries")
def queries() -> Response:
    """List what clients asked, newest first, in parts."""
    given = {key: request.args.get(key, "").strip() for key in (*FILTERS, "place")}
    wanted: dict[str, Any] = {**{key: given[key] for key in FILTERS}, "count": SHOWN}
    before = request.args.get("before", "")
    if re.fullmatch(r"[1-9]\d{0,17}", before):
        wanted["before"] = int(before)
    failure: PatronusError | None = None
    try:
        found = daemon().call("dns.ListQueries", wanted)
    except PatronusError as error:
        failure = error
        found = {"on": True, "keep_s": 0, "most": 0, "before": None, "queries": []}
    names = daemon().call("dns.ListNames")["names"] if may("dns.ListNames") else []
    decided = {item["name"]: item["action"] for item in names if (item["policy"] or "") == given["place"]}
    chosen = {key: text for key, text in given.items() if text}
    places = _places()
    return page(
        "dns_queries.html", failure, given=given, chosen=chosen, found=found, decided=decided,
        places=places, judges=_judges(places, given["policy"]),
    )  # fmt: skip


def _judges(places: list[tuple[str, str]], asked: str) -> list[tuple[str, str]]:
    """Return whose questions can be picked: all, of one policy, of none; and of one that there was once."""
    policies = [name for name, _ in places if name]
    policies += [asked] if asked not in {"", NO_POLICY, *policies} else []
    return [("", "any"), *((name, name) for name in policies), (NO_POLICY, "none")]


def _places() -> list[tuple[str, str]]:
    """Return for whom a name can be blocked or allowed: everybody, or the clients of a policy."""
    policies = daemon().call("dns.ListPolicies")["policies"] if may("dns.ListPolicies") else []
    return [("", "everybody"), *((item["id"], item["id"]) for item in policies)]


def _page(
    error: PatronusError | None = None,
    asked: dict[str, Any] | None = None,
    given: dict[str, str] | None = None,
    policy: dict[str, str] | None = None,
    decision: dict[str, str] | None = None,
    servers: dict[str, str] | None = None,
    translated: dict[str, Any] | None = None,
) -> Response:
    status = daemon().call("dns.Status")
    counters = status["counters"]
    return page(
        "dns.html", error, status=status, records=daemon().call("dns.ListRecords")["records"],
        counted=[(words, counters[name]) for name, words in OUTCOMES.items() if counters.get(name)],
        faults=sorted((name, count) for name, count in counters.items() if count and name not in OUTCOMES),
        policies=daemon().call("dns.ListPolicies")["policies"], none=NONE,
        names=daemon().call("dns.ListNames")["names"], places=_places(), decision=decision or {},
        asked=asked or {}, given=given or {}, policy=policy or {}, types=TYPES,
        protocols=PROTOCOLS, asked_for=servers or {}, translated=translated,
        **sources(status),
    )  # fmt: skip
