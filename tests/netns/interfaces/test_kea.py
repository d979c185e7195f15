# SPDX-License-Identifier: GPL-2.0-or-later
"""Kea's DHCPv6 server as the provider: it delegates a prefix, knows its router again, and gives another."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any

import pytest

from tests.netns.interfaces.router import Router, eventually
from tests.netns.interfaces.test_advertising import host, lan, numbered, preferred, subnet, wan
from tests.netns.lab import Namespace, connect

__all__ = ["host"]
FIRST, NEXT = IPv6Network("2001:db8:4000::/48"), IPv6Network("2001:db8:5000::/48")
RENEW_S = 2
"""How soon the router asks again: it hears of the next prefix within this time."""
LINK = "2001:db8:ffff::/64"


def configuration(folder: Path, given: IPv6Network) -> dict[str, Any]:
    """Return what Kea reads: addresses of the link, and /56 of what is given to routers."""
    parts = {"prefix": str(given.network_address), "prefix-len": given.prefixlen, "delegated-len": 56}
    return {
        "Dhcp6": {
            "interfaces-config": {"interfaces": ["isp"]},
            "lease-database": {"type": "memfile", "name": str(folder / "leases.csv"), "lfc-interval": 0},
            "renew-timer": RENEW_S,
            "rebind-timer": 3000,
            "preferred-lifetime": 3600,
            "valid-lifetime": 7200,
            "subnet6": [
                {
                    "id": 1,
                    "subnet": LINK,
                    "interface": "isp",
                    "pools": [{"pool": "2001:db8:ffff::100-2001:db8:ffff::1ff"}],
                    "pd-pools": [parts],
                }
            ],
            "loggers": [{"name": "kea-dhcp6", "severity": "ERROR", "output_options": [{"output": "stderr"}]}],
        }
    }


@contextmanager
def delegating(provider: Namespace, folder: Path, given: IPv6Network) -> Iterator[None]:
    """Run Kea; what it leased before it knows from its file."""
    config = folder / "kea.json"
    config.write_text(json.dumps(configuration(folder, given)))
    folders = dict.fromkeys(("KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR", "KEA_DHCP_DATA_DIR"), str(folder))
    with provider:
        process = subprocess.Popen(["kea-dhcp6", "-c", str(config)], env={**os.environ, **folders})
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def provider(namespace: Namespace, neighbour: Namespace) -> Namespace:
    """Wire the router to a provider's side."""
    connect(namespace, "eth0", neighbour, "isp")
    eventually(lambda: "tentative" not in neighbour.ip("-6 address show dev isp scope link"), "its address")
    for remembered in Path("/var/lib/dhcpcd").glob("eth0.lease*"):
        remembered.unlink()
    return neighbour


def part_of(given: IPv6Network, found: set[IPv6Network]) -> IPv6Network | None:
    """Return the /56 of what was given whose second /64 the host has, where it has just that."""
    mine = [one for one in found if one.subnet_of(given)]
    whole = mine[0].supernet(new_prefix=56) if len(mine) == 1 else None
    return whole if whole is not None and subnet(whole) == mine[0] else None


def test_kea_numbers_the_lan_knows_the_router_again_and_gives_it_another_prefix(
    router: Router, namespace: Namespace, host: Namespace, provider: Namespace, tmp_path: Path
) -> None:
    with delegating(provider, tmp_path, FIRST):
        router.apply(wan(namespace), lan(namespace))
        before = eventually(lambda: part_of(FIRST, preferred(host)), "an address of Kea's prefix")
        assert str(before.network_address) in (tmp_path / "leases.csv").read_text()
    with delegating(provider, tmp_path, FIRST):
        router.apply()
        router.apply(wan(namespace), lan(namespace))
        eventually(lambda: part_of(FIRST, preferred(host)) == before, "the same prefix again")
    with delegating(provider, tmp_path, NEXT):
        eventually(lambda: part_of(NEXT, preferred(host)), "an address of the next prefix")
        eventually(lambda: numbered(host).get(subnet(before), 0) == 0, "the end of the first one")
    assert router.differences() == []
