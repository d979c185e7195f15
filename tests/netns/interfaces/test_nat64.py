# SPDX-License-Identifier: GPL-2.0-or-later
"""The link of a translator comes and goes with its routes by the walk of a change, and is read back."""

from __future__ import annotations

import json
import pwd
import subprocess
from pathlib import Path

import pytest

from patronus.kernel.tun import OWNER
from tests.netns.interfaces.router import Router
from tests.netns.lab import Namespace

NAT64 = {"id": "nat64", "nat64": {"pool": "192.168.255.0/24"}, "zone": "nat64", "mtu": 1480}


def routes(namespace: Namespace, version: int) -> set[str]:
    found = json.loads(namespace.ip(f"-json -{version} route show dev nat64 proto static"))
    return {one["dst"] for one in found}


def test_it_is_made_for_its_user_and_goes_without_a_trace(router: Router, namespace: Namespace) -> None:
    if not Path("/sys/class/misc/tun").exists():
        pytest.skip("the kernel of this machine has no tun devices")
    if OWNER not in {one.pw_name for one in pwd.getpwall()}:
        subprocess.run(["useradd", "--system", "--user-group", OWNER], check=True)
    router.apply(NAT64)
    (link,) = json.loads(namespace.ip("-json -details link show nat64"))
    made = link["linkinfo"]["info_data"]
    assert (made["type"], made["persist"], made["user"]) == ("tun", True, OWNER)
    assert (link["mtu"], link["ifalias"]) == (1480, "patronus")
    assert routes(namespace, 4) == {"192.168.255.0/24"}
    assert routes(namespace, 6) == {"64:ff9b::/96", "fd64:ff9b::c0a8:ff01"}
    assert (router.pending(), router.differences()) == ([], [])
    other = {**NAT64, "nat64": {"pool": "192.168.254.0/24", "prefix": "fd00:64::/96"}}
    router.apply(other)
    assert (routes(namespace, 4), routes(namespace, 6)) == ({"192.168.254.0/24"}, {"fd00:64::/96"})
    assert (router.pending(), router.differences()) == ([], [])
    router.apply()
    assert "nat64" not in namespace.ip("link")
    assert (router.pending(), router.differences()) == ([], [])
