# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules to and from another firewall: a file goes into the draft, or the rules that run become a file."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, request

from patronus.core.errors import InvalidRequest, NotFound, PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import page

exchange = Blueprint("exchange", __name__, url_prefix="/exchange")

FILES = {"rules.v4": "ipv4", "rules.v6": "ipv6"}


@exchange.route("", methods=("GET", "POST"))
def show() -> Response:
    """Show the form; put an uploaded file into the draft and show the lines that could not be kept."""
    if request.method == "GET":
        return page("exchange.html", found=None, names="")
    names = request.form.get("names", "")
    try:
        found = daemon().call("firewall.Import", {"text": _text(), "map": _map(names)})
    except PatronusError as error:
        return page("exchange.html", error, found=None, names=names)
    return page("exchange.html", found=found, names=names)


@exchange.get("/<name>")
def download(name: str) -> Response:
    """Hand the browser the rules that run, as iptables-restore reads them."""
    if name not in FILES:
        raise NotFound(f"there is no file {name}")
    made = daemon().call("firewall.Export", {"format": "iptables", "family": FILES[name]})
    response = make_response(made["text"])
    response.mimetype = "text/plain"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _text() -> str:
    given = request.files.get("file")
    try:
        text = given.read().decode() if given else ""
    except UnicodeDecodeError as error:
        raise InvalidRequest("the file is not text") from error
    if not text.strip():
        raise InvalidRequest("the file is empty, or none was chosen")
    return text


def _map(text: str) -> dict[str, Any]:
    pairs = [item.partition("=") for item in forms.items(text)]
    if any(not ours for _, _, ours in pairs):
        raise InvalidRequest("each name is written as eth0=wan")
    return {name: ours for name, _, ours in pairs}
