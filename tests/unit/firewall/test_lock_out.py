# SPDX-License-Identifier: GPL-2.0-or-later
"""A warning exactly where nobody is left who could reach the admin page."""

from __future__ import annotations

import pytest

from patronus.core.problem import Severity
from patronus.firewall.check.configuration import check
from tests.golden.case import load

ZONES = "zones: [{id: lan, to: {wan: allow}%s}, {id: wan}, {id: mgmt}]\n"


@pytest.mark.parametrize(
    ("rule", "zone", "web", "warned"),
    [
        ("", "", '["lan"]', False),
        ("{from: lan, to: self, action: drop}", "", '["lan"]', True),
        ("{from: lan, to: self, action: drop, enabled: false}", "", '["lan"]', False),
        ("{from: lan, to: self, protocol: udp, action: drop}", "", '["lan"]', False),
        ("{from: lan, to: self, protocol: tcp, destination_port: 1-442, action: drop}", "", '["lan"]', False),
        ("{from: lan, to: self, protocol: tcp, destination_port: 443, action: reject}", "", '["lan"]', True),
        ("{from: lan, to: self, action: queue, queue: {numbers: 0}}", "", '["lan"]', True),
        ("{from: lan, to: self, action: queue, queue: {numbers: 0, bypass: true}}", "", '["lan"]', False),
        ("{from: lan, source: 192.168.1.9, action: drop}", "", '["lan"]', False),
        ("{action: drop}", "", '["lan", "mgmt"]', True),
        ("{from: lan, action: drop}", "", '["lan", "mgmt"]', False),
        ("{from: lan, to: wan, action: drop}", "", '["lan"]', False),
        ("", ", self_services: [dns]", '["lan"]', True),
        ("", ", self_services: [dns, web]", '["lan"]', False),
        ("{from: lan, to: self, protocol: tcp, action: allow}", ", self_services: []", '["lan"]', False),
        ("", "", "[]", True),
    ],
)
def test_lock_out(rule: str, zone: str, web: str, warned: bool) -> None:
    files = {"firewall/zones.yaml": ZONES % zone, "patronus.toml": f"[web]\nzones = {web}\n"}
    if rule:
        files["firewall/rules.yaml"] = f"rules:\n  - {rule}\n"
    loaded = load(files)
    assert loaded.problems == ()
    found = [problem for problem in check(loaded.config) if "nobody reaches" in problem.message]
    assert bool(found) is warned
    assert all(problem.severity is Severity.WARNING for problem in found)
