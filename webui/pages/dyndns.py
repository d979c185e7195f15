# SPDX-License-Identifier: GPL-2.0-or-later
"""Names outside that lead to this router: how they stand, telling now, add, change, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request, url_for

from patronus.core.errors import NotFound, PatronusError
from webui.auth import may
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, base_of_form, page, see

dyndns = Blueprint("dyndns", __name__, url_prefix="/dyndns")

PROTOCOLS = (
    ("dyndns2", "dyndns2 (/nic/update)"),
    ("url", "a page with words filled in"),
    ("rfc2136", "an update of a name server (RFC 2136)"),
)
TELL = (("", "IPv4"), ("ipv6", "IPv6"), ("both", "both"))
WORDS = ("id", "interface", "tell", "address_from", "address_from_ca", "refresh")
SERVERS = {"dyndns2": "server", "url": "address", "rfc2136": "server"}
"""Protocol → where in it the provider is named."""
KNOWN = {
    "dyndns2": ("user", "ca"),
    "url": ("user", "expect", "ca"),
    "rfc2136": ("zone", "key", "algorithm", "ttl"),
}
"""Protocol → what else of the form belongs to it."""
ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1")


@dyndns.get("")
def show() -> Response:
    """Show the names and how they stand."""
    return _page()


@dyndns.post("/update")
def update() -> Response:
    """Tell the providers now."""
    given = {"id": name} if (name := request.form.get("id", "").strip()) else {}
    try:
        apply("dyndns.Update", given, "The provider is being told. Look again in a moment.")
    except PatronusError as error:
        return _page(error)
    return see(url_for("dyndns.show"))


@dyndns.route("/new", methods=("GET", "POST"))
def add() -> Response:
    """Add names."""
    if request.method == "GET":
        return _form({}, None)
    given = _entry()
    try:
        apply("dyndns.Add", {"entry": given}, "Name added.")
    except PatronusError as error:
        return _form(given, None, error)
    return see(url_for("dyndns.show"))


@dyndns.route("/<name>/edit", methods=("GET", "POST"))
def edit(name: str) -> Response:
    """Change names."""
    listed = daemon().call("dyndns.Status")["names"]
    old = next((item["configuration"] for item in listed if item["id"] == name), None)
    if old is None:
        raise NotFound(f"no outside name is called {name}")
    if request.method == "GET":
        return _form(old, name)
    given = _entry() | ({} if "enabled" in request.form else {"enabled": False})
    base = forms.number(request.form.get("base", ""))
    try:
        apply("dyndns.Replace", {"id": name, "entry": given, "base": base}, "Name changed.")
    except PatronusError as error:
        return _form(given, name, error)
    return see(url_for("dyndns.show"))


@dyndns.post("/<name>/delete")
def delete(name: str) -> Response:
    """Delete names."""
    apply("dyndns.Remove", {"id": name}, "Name deleted.")
    return see(url_for("dyndns.show"))


def _text(key: str) -> str:
    return request.form.get(key, "").strip()


def _entry() -> dict[str, Any]:
    """Return the entry that the form says; of the provider, what its protocol knows."""
    protocol = said if (said := _text("protocol")) in KNOWN else "dyndns2"
    told = {SERVERS[protocol]: _text("server"), **{key: _text(key) for key in KNOWN[protocol]}}
    how: dict[str, Any] = {key: text for key, text in told.items() if text}
    if protocol == "rfc2136" and (port := forms.number(_text("port"))) is not None:
        how["port"] = port
    if secret := _text("password"):
        how["secret" if protocol == "rfc2136" else "password"] = {"secret": secret}
    words = {key: text for key in WORDS if (text := _text(key))}
    return {**words, "hostnames": forms.items(_text("hostnames")), protocol: how}


def _form(given: Mapping[str, Any], name: str | None, error: PatronusError | None = None) -> Response:
    protocol = next((one for one in KNOWN if one in given), "dyndns2")
    how = given.get(protocol, {})
    roles = [item["id"] for item in daemon().call("interfaces.List")["interfaces"]]
    kept = [item["name"] for item in daemon().call("secrets.List")["secrets"]] if may("secrets.List") else []
    secret = how.get("secret", how.get("password", {})).get("secret", "")
    return page(
        "dyndns_name.html", error, given=given, name=name, protocol=protocol, protocols=PROTOCOLS, how=how,
        server=how.get(SERVERS[protocol], ""), roles=roles, secret=secret, tells=TELL, algorithms=ALGORITHMS,
        secrets=sorted({*kept, secret} - {""}), base=base_of_form(error),
    )  # fmt: skip


def _page(error: PatronusError | None = None) -> Response:
    return page("dyndns.html", error, status=daemon().call("dyndns.Status"))
