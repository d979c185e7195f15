# SPDX-License-Identifier: GPL-2.0-or-later
"""An edit in the page loses nothing that its form has no field for."""

from __future__ import annotations

from flask import Flask

from webui.pages.interfaces import _given


def test_what_the_form_does_not_show_stays_at_every_depth() -> None:
    old = {
        "id": "guest",
        "vlan": {"parent": "lan", "tag": 20, "later": "key"},
        "zone": "lan",
        "ipv6": {"method": "dhcp", "prefix_delegation": {"hint": 60}},
        "later": True,
    }
    form = {"parent": "wan", "tag": "30", "zone": "", "ipv6_method": "dhcp", "ipv4_method": "none"}
    with Flask("page").test_request_context(method="POST", data=form):
        given = _given(old, "vlan")
    assert given == {
        "id": "guest",
        "vlan": {"parent": "wan", "tag": 30, "later": "key"},
        "ipv6": {"method": "dhcp", "prefix_delegation": {"hint": 60}},
        "later": True,
    }
