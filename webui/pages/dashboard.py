# SPDX-License-Identifier: GPL-2.0-or-later
"""The overview, and the button that keeps a change."""

from __future__ import annotations

import threading
import time
from typing import Any

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for

from webui.auth import may
from webui.daemon import daemon
from webui.pages.change import own_target, see
from webui.throughput import HEIGHT, WIDTH, Rates, Throughput

dashboard = Blueprint("dashboard", __name__)

_throughput = Throughput()
_lock = threading.Lock()


@dashboard.get("/")
def show() -> Response:
    """Show the overview; the part that changes by itself is also served alone.

    Whoever may not see it is led to their account, where the menu shows what they may.
    """
    if not may("system.Status"):
        return see(url_for("own.show"))
    template = "dashboard_live.html" if "HX-Request" in request.headers else "dashboard.html"
    return make_response(render_template(template, **_seen()))


@dashboard.post("/confirm")
def confirm() -> Response:
    """Keep the change that waits for confirmation."""
    daemon().call("config.Confirm")
    flash("Changes kept.")
    return see(own_target(request.form.get("back")) or url_for("dashboard.show"))


def _seen() -> dict[str, Any]:
    interfaces = _ask("interfaces.List", "interfaces")
    return {
        "status": daemon().call("system.Status"),
        "interfaces": interfaces,
        "rates": _rates(interfaces),
        "leases": _ask("dhcp.ListLeases", "leases"),
        "blocks": _ask("firewall.ListBlocks", "blocks"),
        "differences": _ask("config.Doctor", "differences"),
        "width": WIDTH,
        "height": HEIGHT,
    }


def _ask(verb: str, key: str) -> list[dict[str, Any]]:
    return list(daemon().call(verb)[key]) if may(verb) else []


def _rates(interfaces: list[dict[str, Any]]) -> dict[str, Rates]:
    counters = {item["id"]: item["counters"] for item in interfaces if item["counters"]}
    counted = {name: (found["rx_bytes"], found["tx_bytes"]) for name, found in counters.items()}
    with _lock:
        _throughput.add(time.monotonic(), counted)
        return {item["id"]: _throughput.rates(item["id"]) for item in interfaces}
