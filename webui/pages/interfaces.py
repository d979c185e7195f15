# SPDX-License-Identifier: GPL-2.0-or-later
"""The interfaces: what is configured and how the links are."""

from __future__ import annotations

from flask import Blueprint, render_template

from webui.daemon import daemon

interfaces = Blueprint("interfaces", __name__, url_prefix="/interfaces")


@interfaces.get("")
def show() -> str:
    """Show each interface."""
    found = daemon().call("interfaces.List")["interfaces"]
    xdp = daemon().call("firewall.Counters")["xdp"] if daemon().has("firewall.Counters") else []
    told = daemon().call("advertising.List")["networks"] if daemon().has("advertising.List") else []
    announced = {network["interface"]: network for network in told}
    return render_template("interfaces.html", interfaces=found, xdp=xdp, announced=announced)
