# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus pools``: options to the pool that the daemon gets, and what is printed of those there are."""

from __future__ import annotations

from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from patronus.cli.commands.pools import pools
from patronus.cli.session import Session
from patronus.client import Client
from patronus.core.errors import NotFound
from patronus.network.dhcp.model import Pool
from patronus.network.dhcp6.model import Ipv6Pool

CONFIGURED = {"id": "lan", "interface": "lan", "ranges": ["192.168.1.100-192.168.1.199"],
              "options": {"domain_name": "home.arpa"},
              "reservations": [{"id": "r", "address": "192.168.1.20"}]}  # fmt: skip
LISTED = {"id": "lan", "family": 4, "interface": "lan", "ranges": ["192.168.1.100-192.168.1.199"],
          "lease_time_s": 43200, "size": 100, "used": 3, "reservations": [{}],
          "configuration": CONFIGURED}  # fmt: skip
REPORT = {"generation": 8, "changes": [], "warnings": [], "confirm_within_s": None, "draft": False}


class Daemon:
    """patronusd, as far as the pools go; it keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def call(self, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        if verb == "dhcp.ListPools":
            return {"pools": [LISTED]}
        if verb == "system.Status":
            return {"generation": 7}
        self.told.append((verb, given))
        return REPORT


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setenv("COLUMNS", "200")
    return Daemon()


def run(daemon: Daemon, *words: str) -> Result:
    return CliRunner().invoke(pools, words, obj=Session(cast(Client, daemon)))


def test_the_list_says_what_a_pool_gives_and_how_full_it_is(daemon: Daemon) -> None:
    line = " ".join(run(daemon).output.splitlines()[1].split())
    assert line == "lan lan IPv4 192.168.1.100-192.168.1.199 43200 s 3 of 100 1"


def test_options_become_a_pool_that_the_model_takes(daemon: Daemon) -> None:
    words = (
        "--interface",
        "guest",
        "--range",
        "10.1.0.9-10.1.0.19,10.1.0.30-10.1.0.39",
        "--lease-time",
        "2h",
    )
    told = ("--router", "10.1.0.2", "--dns", "10.1.0.3", "--dns", "10.1.0.4", "--domain", "guest.home.arpa")
    more = ("--search", "home.arpa", "--ntp", "10.1.0.5", "--boot-server", "10.1.0.6", "--boot-file", "x.0")
    relayed = ("--relay", "10.1.0.1", "--subnet", "10.1.0.0/24")
    assert run(daemon, "add", "guest", *words, *told, *more, *relayed).exit_code == 0
    verb, given = daemon.told[0]
    assert (verb, given["family"]) == ("dhcp.AddPool", 4)
    pool = Pool.model_validate(given["pool"])
    assert [str(part) for part in pool.ranges] == ["10.1.0.9-10.1.0.19", "10.1.0.30-10.1.0.39"]
    assert (pool.lease_time, str(pool.options.router), str(pool.subnet)) == (7200, "10.1.0.2", "10.1.0.0/24")
    assert list(map(str, pool.options.dns_servers)) == ["10.1.0.3", "10.1.0.4"]
    assert pool.options.boot_file == "x.0" and str(pool.relays[0]) == "10.1.0.1"
    run(daemon, "add", "lan6", "--interface", "lan", "--ipv6", "--range", "::1000-::1fff")
    assert daemon.told[1][1]["family"] == 6
    assert Ipv6Pool.model_validate(daemon.told[1][1]["pool"]).gives_addresses


def test_what_is_not_said_stays_when_a_pool_is_changed(daemon: Daemon) -> None:
    run(daemon, "change", "lan", "--lease-time", "1d", "--ntp", "192.168.1.1")
    options = {"domain_name": "home.arpa", "ntp_servers": ["192.168.1.1"]}
    pool = {**CONFIGURED, "lease_time": "1d", "options": options}
    assert daemon.told == [("dhcp.ReplacePool", {"id": "lan", "pool": pool, "base": 7})]
    assert isinstance(run(daemon, "change", "dmz", "--lease-time", "1d").exception, NotFound)
    run(daemon, "remove", "lan")
    assert daemon.told[1:] == [("dhcp.RemovePool", {"id": "lan"})]
