# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus zones``: options to the zone that the daemon gets, and the table of who reaches whom."""

from __future__ import annotations

from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from patronus.cli.commands.zones import zones
from patronus.cli.session import Session
from patronus.client import Client

LISTED = [
    {"id": "wan", "zone": {"id": "wan"}, "interfaces": [], "devices": [], "used_by": []},
    {"id": "lan", "zone": {"id": "lan", "to": {"wan": "allow", "self": "allow"}, "self_services": ["dns"]},
     "interfaces": ["lan", "wifi"], "devices": [], "used_by": []},
]  # fmt: skip
REPORT = {"generation": 8, "changes": [], "warnings": [], "confirm_within_s": None, "draft": False}


class Daemon:
    """patronusd, as far as the zones go; it keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def call(self, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        if verb == "firewall.ListZones":
            return {"zones": LISTED, "default": "drop"}
        self.told.append((verb, given))
        return REPORT


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setenv("COLUMNS", "200")
    return Daemon()


def run(daemon: Daemon, *words: str) -> Result:
    return CliRunner().invoke(zones, words, obj=Session(cast(Client, daemon)))


def test_the_table_says_what_each_reaches_and_what_is_left_to_the_default(daemon: Daemon) -> None:
    heads, wan, lan = (" ".join(line.split()) for line in run(daemon).output.splitlines())
    assert heads == "from interfaces to wan to lan to self services of the router"
    assert wan == "wan – (drop) (drop) (drop) all"
    assert lan == "lan lan, wifi allow (drop) allow dns"


def test_options_become_a_zone(daemon: Daemon) -> None:
    run(
        daemon,
        "add",
        "guest",
        "--to",
        "wan=allow",
        "--to",
        "lan=reject",
        "--service",
        "dhcp",
        "--service",
        "dns",
    )
    run(daemon, "replace", "guest", "--no-services")
    run(daemon, "set", "guest", "lan", "reject")
    run(daemon, "set", "guest", "lan", "default")
    run(daemon, "default", "reject")
    run(daemon, "remove", "guest")
    reach = {"wan": "allow", "lan": "reject"}
    assert daemon.told == [
        ("firewall.AddZone", {"zone": {"id": "guest", "to": reach, "self_services": ["dhcp", "dns"]}}),
        ("firewall.ReplaceZone", {"id": "guest", "zone": {"self_services": []}}),
        ("firewall.SetZonePair", {"id": "guest", "to": "lan", "action": "reject"}),
        ("firewall.SetZonePair", {"id": "guest", "to": "lan"}),
        ("firewall.SetZoneDefault", {"default": "reject"}),
        ("firewall.RemoveZone", {"id": "guest"}),
    ]


@pytest.mark.parametrize(
    "words", [("--to", "wan=maybe"), ("--to", "wan"), ("--service", "dns", "--no-services")]
)
def test_what_is_no_pair_or_says_two_things_is_refused(daemon: Daemon, words: tuple[str, ...]) -> None:
    assert run(daemon, "add", "guest", *words).exit_code == 2
    assert daemon.told == []
