# SPDX-License-Identifier: GPL-2.0-or-later
"""Whom the DNS server asks, and the blocklists that it reads: add, change and delete; listed on its page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flask import Response, request, url_for

from patronus.core.errors import NotFound, PatronusError
from webui.auth import may
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, base_of_form, page, see

PROTOCOLS = ("udp", "tcp", "tls", "https")
UPSTREAM = ("id", "from", "address", "protocol", "name", "ca", "path")
BLOCKLIST = ("id", "refresh", "ca")
"""Keys that are one word of a form."""


def add_upstream() -> Response:
    """Add a server to ask."""
    if request.method == "GET":
        return _upstream_form({}, None)
    given = _upstream()
    try:
        apply("dns.AddUpstream", {"upstream": given}, "Server added.")
    except PatronusError as error:
        return _upstream_form(given, None, error)
    return see(url_for("dns.show"))


def edit_upstream(name: str) -> Response:
    """Change a server to ask."""
    old = _found("dns.ListUpstreams", "upstreams", name)["upstream"]
    if request.method == "GET":
        return _upstream_form(old, name)
    given = _upstream()
    base = forms.number(request.form.get("base", ""))
    try:
        apply("dns.ReplaceUpstream", {"id": name, "upstream": given, "base": base}, "Server changed.")
    except PatronusError as error:
        return _upstream_form(given, name, error)
    return see(url_for("dns.show"))


def delete_upstream(name: str) -> Response:
    """Ask a server no more."""
    apply("dns.RemoveUpstream", {"id": name}, "Server deleted.")
    return see(url_for("dns.show"))


def ask() -> Response:
    """Say which server is asked first."""
    apply("dns.SetAsk", {"ask": request.form.get("ask", "")}, "Changed who is asked first.")
    return see(url_for("dns.show"))


def add_blocklist() -> Response:
    """Add a blocklist."""
    if request.method == "GET":
        return _blocklist_form({}, None)
    given = _blocklist()
    try:
        apply("dns.AddBlocklist", {"blocklist": given}, "Blocklist added.")
    except PatronusError as error:
        return _blocklist_form(given, None, error)
    return see(url_for("dns.show"))


def edit_blocklist(name: str) -> Response:
    """Change a blocklist."""
    old = _found("dns.ListBlocklists", "blocklists", name)["blocklist"]
    if request.method == "GET":
        return _blocklist_form(old, name)
    given = _blocklist()
    base = forms.number(request.form.get("base", ""))
    try:
        apply("dns.ReplaceBlocklist", {"id": name, "blocklist": given, "base": base}, "Blocklist changed.")
    except PatronusError as error:
        return _blocklist_form(given, name, error)
    return see(url_for("dns.show"))


def delete_blocklist(name: str) -> Response:
    """Delete a blocklist."""
    apply("dns.RemoveBlocklist", {"id": name}, "Blocklist deleted.")
    return see(url_for("dns.show"))


ROUTES: tuple[tuple[str, Callable[..., Response], tuple[str, ...]], ...] = (
    ("/upstreams/new", add_upstream, ("GET", "POST")),
    ("/upstreams/<name>/edit", edit_upstream, ("GET", "POST")),
    ("/upstreams/<name>/delete", delete_upstream, ("POST",)),
    ("/ask", ask, ("POST",)),
    ("/blocklists/new", add_blocklist, ("GET", "POST")),
    ("/blocklists/<name>/edit", edit_blocklist, ("GET", "POST")),
    ("/blocklists/<name>/delete", delete_blocklist, ("POST",)),
)
"""Where each is, below the page of the DNS server; each is named as its function."""


def sources(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page of the server shows of whom it asks and of its blocklists."""
    configured = (
        daemon().call("dns.ListUpstreams")
        if may("dns.ListUpstreams")
        else {"upstreams": [], "ask": "", "dns64": None}
    )
    blocklists = daemon().call("dns.ListBlocklists")["blocklists"] if may("dns.ListBlocklists") else []
    listed = daemon().call("lists.Status")["lists"] if may("lists.Status") else []
    return {
        "servers": list(_servers(status["upstreams"], configured["upstreams"])),
        "ask": configured["ask"] if len(configured["upstreams"]) > 1 else None,
        "dns64": configured["dns64"],
        "blocklists": blocklists,
        "brought": {item["url"]: item for item in listed},
    }


def _servers(
    found: Iterable[Mapping[str, Any]], configured: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the servers that are asked, the first of each entry of the file to be changed there.

    An entry whose servers nobody has told yet is there by itself.
    """
    left = {item["id"]: item["upstream"] for item in configured}
    for one in found:
        own = left.pop(one["id"], None) if not one["policies"] else None
        yield {**one, "configured": own is not None}
    for name, entry in left.items():
        told = {key: entry.get(key) for key in ("from", "address", "domains")}
        yield {"id": name, "configured": True, **told}


def _found(verb: str, key: str, name: str) -> dict[str, Any]:
    """Return an entry of the file. Raises NotFound."""
    for item in daemon().call(verb)[key]:
        if item["id"] == name:
            return dict(item)
    raise NotFound(f"nothing here is called {name}")


def _words(keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: text for key in keys if (text := request.form.get(key, "").strip())}


def _upstream() -> dict[str, Any]:
    port = forms.number(request.form.get("port", "").strip())
    domains = request.form.get("domains", "").replace(",", " ").split()
    given = {"port": port, "domains": domains or None}
    return {**_words(UPSTREAM), **{key: value for key, value in given.items() if value is not None}}


def _blocklist() -> dict[str, Any]:
    place = request.form.get("place", "").strip()
    own = {} if "everyone" in request.form else {"everyone": False}
    return {**_words(BLOCKLIST), "url" if "://" in place else "file": place, **own}


def _upstream_form(
    given: Mapping[str, Any], name: str | None, error: PatronusError | None = None
) -> Response:
    roles = [item["id"] for item in daemon().call("interfaces.List")["interfaces"]]
    return page(
        "dns_upstream.html",
        error,
        given=given,
        name=name,
        roles=roles,
        protocols=PROTOCOLS,
        base=base_of_form(error),
    )


def _blocklist_form(
    given: Mapping[str, Any], name: str | None, error: PatronusError | None = None
) -> Response:
    return page("dns_blocklist.html", error, given=given, name=name, base=base_of_form(error))
