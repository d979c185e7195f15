# SPDX-License-Identifier: GPL-2.0-or-later
"""Try a packet: which rule decides, what NAT does, where the route goes. The address keeps what was asked."""

from __future__ import annotations

from flask import Blueprint, Response, request

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages import forms
from webui.pages.change import page

explain = Blueprint("explain", __name__, url_prefix="/explain")

PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "gre", "esp")
STATES = (
    ("new", "new: its first packet"), ("established", "established"), ("related", "related to another"),
    ("invalid", "invalid"),
)  # fmt: skip


@explain.get("")
def show() -> Response:
    """Show the form, and what becomes of the packet once one is given."""
    zones = [zone["id"] for zone in daemon().call("firewall.ListZones")["zones"]]
    typed = {key: value.strip() for key, value in request.args.items() if value.strip()}
    asked = {"arrives_on": zones[0] if zones else "", "protocol": PROTOCOLS[0], **typed}
    found, error = None, None
    if "source" in asked and "destination" in asked:
        numbers = ("destination_port", "source_port", "icmp_type")
        given = asked | {key: forms.number(asked[key]) for key in numbers if key in asked}
        try:
            found = daemon().call("firewall.Explain", given)
        except PatronusError as refused:
            error = refused
    names = {item["id"]: item["rule"].get("name") for item in daemon().call("firewall.ListRules")["rules"]}
    return page(
        "explain.html", error, asked=asked, zones=zones, protocols=PROTOCOLS, states=STATES, found=found,
        names=names,
    )  # fmt: skip
