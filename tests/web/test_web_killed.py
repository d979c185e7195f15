# SPDX-License-Identifier: GPL-2.0-or-later
"""The web server is killed while a change waits: the wait is the daemon's, and so is the session."""

from __future__ import annotations

import time

from tests.web.conftest import START_S, Machine, Visitor

RULE = {"name": "waits", "protocol": "udp", "destination_port": 61999, "action": "drop"}


def test_a_change_that_waits_outlives_the_web_server_and_can_be_kept(
    machine: Machine, admin: Visitor
) -> None:
    made = admin.ask("POST", "/api/v1/firewall/rules", {"rule": RULE, "confirm_s": 600})
    assert made.status == 200, made.text
    machine.kill_web()
    pending = admin.ask("GET", "/api/v1/config/pending").json()
    assert pending["generation"] == made.json()["generation"]
    assert admin.ask("POST", "/api/v1/config/confirm").json() == {"generation": pending["generation"]}
    removed = admin.ask("DELETE", f"/api/v1/firewall/rules/{made.json()['id']}?confirm_s=600")
    assert removed.status == 200, removed.text
    assert admin.ask("POST", "/api/v1/config/confirm").status == 200


def test_a_change_that_nobody_confirms_goes_though_the_web_server_was_killed(
    machine: Machine, admin: Visitor
) -> None:
    made = admin.ask("POST", "/api/v1/firewall/rules", {"rule": RULE, "confirm_s": 5})
    assert made.status == 200, made.text
    assert "61999" in machine.ruleset()
    machine.kill_web()
    end = time.monotonic() + START_S
    while "61999" in machine.ruleset():
        assert time.monotonic() < end, "the change stays"
        time.sleep(0.1)
    assert admin.ask("GET", "/api/v1/config/pending").json()["generation"] is None
