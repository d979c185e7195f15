# SPDX-License-Identifier: GPL-2.0-or-later
"""Follow real packets: wait for some of a kind, show the way of each, and go on while it is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import page

trace = Blueprint("trace", __name__, url_prefix="/connections/trace")

WORDS = ("arrives_on", "source", "destination", "protocol")
NUMBERS = ("source_port", "destination_port", "seconds", "packets")
PROTOCOLS = (("", "any"), "tcp", "udp", "icmp", "icmpv6", "gre", "esp")
ROUND_S = 2
"""How long one part waits while the page goes on by itself."""
ROUNDS = 100
"""Parts after which it stops by itself: a forgotten page shall mark packets no longer."""


@trace.get("")
def show() -> Response:
    """Show the form; what was asked for elsewhere is filled in."""
    return _page(request.args)


@trace.post("")
def follow() -> Response:
    """Wait for packets and show their ways; one part of them alone where the page goes on by itself."""
    typed = request.form
    number = int(typed.get("round", "0")) if typed.get("round", "0").isdigit() else ROUNDS
    going_on = "follow" in typed and number < ROUNDS
    given = _given(typed) | ({"seconds": ROUND_S} if number else {})
    try:
        found = daemon().call("firewall.Trace", given)["packets"]
    except PatronusError as error:
        if number:
            return make_response(render_template("trace_part.html", error=error, packets=[], round=None))
        return _page(typed, error)
    part = {"packets": found, "round": number + 1 if going_on else None}
    if number:
        return make_response(render_template("trace_part.html", error=None, **part))
    return _page(typed, **part)


def _page(typed: Mapping[str, Any], error: PatronusError | None = None, **part: Any) -> Response:
    zones = [("", "any"), *(zone["id"] for zone in daemon().call("firewall.ListZones")["zones"])]
    shown = {"packets": None, "round": None, **part}
    return page("trace.html", error, typed=typed, zones=zones, protocols=PROTOCOLS, **shown)


def _given(typed: Mapping[str, str]) -> dict[str, Any]:
    found = {key: typed.get(key, "").strip() for key in (*WORDS, *NUMBERS)}
    return {key: forms.number(text) if key in NUMBERS else text for key, text in found.items() if text}
