# SPDX-License-Identifier: GPL-2.0-or-later
"""The shapers: how fast each uplink is, what its queues do now, and the numbers to change."""

from __future__ import annotations

import threading
import time
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import apply, page, see
from webui.throughput import HEIGHT, WIDTH, Rates, Throughput

qos = Blueprint("qos", __name__, url_prefix="/shapers")

WORDS = ("download", "upload", "link", "fairness", "diffserv")
HANDLED = (*WORDS, "overhead", "ack_filter", "enabled")
"""The keys that the form has; what a file says beside them, such as classes, stays."""
LINKS = (
    ("", "Ethernet, or fibre"),
    ("docsis", "cable (DOCSIS)"),
    ("pppoe-ptm", "VDSL with PPPoE"),
    ("bridged-ptm", "VDSL without PPPoE"),
    ("pppoe-llcsnap", "ADSL with PPPoE, LLC"),
    ("pppoe-vcmux", "ADSL with PPPoE, VC"),
    ("bridged-llcsnap", "ADSL bridged, LLC"),
    ("bridged-vcmux", "ADSL bridged, VC"),
    ("pppoa-llc", "ADSL with PPPoA, LLC"),
    ("pppoa-vcmux", "ADSL with PPPoA, VC"),
    ("conservative", "nobody knows"),
    ("none", "count nothing"),
)
"""Link → what people know it as; the first is what a shaper has that names none."""
URGENCY = (("", "four degrees"), ("diffserv3", "three degrees"), ("besteffort", "none"))
FAIRNESS = (("", "hosts, and flows within"), ("flows", "all flows"))

_throughput = Throughput()
_lock = threading.Lock()


@qos.get("")
def show() -> Response:
    """Show the shapers; the part that changes by itself is also served alone."""
    if "HX-Request" in request.headers:
        return make_response(render_template("qos_live.html", **_seen()))
    return _page()


@qos.post("")
def change() -> Response:
    """Shape an uplink, or change how it is shaped."""
    role = request.form.get("id", "").strip()
    standing = {item["id"]: item["configuration"] for item in _shapers()}
    shaper = {"id": role, **forms.changed(standing.get(role, {}), _given(), HANDLED)}
    try:
        apply("qos.Set", {"id": role, "shaper": shaper}, f"{role}: set.")
    except PatronusError as error:
        return _page(error, shaper)
    return see(url_for("qos.show"))


@qos.post("/<role>/delete")
def delete(role: str) -> Response:
    """Shape an uplink no longer."""
    apply("qos.Remove", {"id": role}, f"{role} is no longer shaped.")
    return see(url_for("qos.show"))


def _given() -> dict[str, Any]:
    form = request.form
    found: dict[str, Any] = {key: form.get(key, "").strip() or None for key in WORDS}
    found["overhead"] = forms.number(form.get("overhead", "").strip())
    found["ack_filter"] = True if "ack_filter" in form else None
    found["enabled"] = None if "enabled" in form else False
    return found


def _shapers() -> list[dict[str, Any]]:
    return list(daemon().call("qos.Status")["shapers"])


def _seen() -> dict[str, Any]:
    shapers = _shapers()
    return {"shapers": shapers, "rates": _rates(shapers), "width": WIDTH, "height": HEIGHT}


def _rates(shapers: list[dict[str, Any]]) -> dict[str, Rates]:
    counted = {item["id"]: (_bytes(item["download"]), _bytes(item["upload"])) for item in shapers}
    with _lock:
        _throughput.add(time.monotonic(), counted)
        return {name: _throughput.rates(name) for name in counted}


def _bytes(lane: dict[str, Any] | None) -> int:
    return int(lane["counted"]["bytes"]) if lane and lane["counted"] else 0


def _page(error: PatronusError | None = None, given: dict[str, Any] | None = None) -> Response:
    """Fill the page; ``given`` is what a form said that was refused."""
    seen = _seen()
    taken = {item["id"] for item in seen["shapers"]}
    roles = [item["id"] for item in daemon().call("interfaces.List")["interfaces"]]
    free = [role for role in roles if role not in taken]
    choices = {"links": LINKS, "urgency": URGENCY, "fairness": FAIRNESS}
    return page("qos.html", error, **seen, free=free, given=given or {}, choices=choices)
