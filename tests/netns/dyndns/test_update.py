# SPDX-License-Identifier: GPL-2.0-or-later
"""A name server is updated over a real connection; another's library reads and signs what passes."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest

from patronus.dyndns.task import Rfc2136, Way
from patronus.dyndns.update import ALGORITHMS
from tests.netns.dyndns.name_server import BASE64, KEY, ZONE, NameServer
from tests.netns.dyndns.test_tell import LONG_S, Run, uplinks

__all__ = ["uplinks"]
NAME, SIX = "home.example.net", IPv6Address("2001:db8::5")


@pytest.fixture
def server() -> Iterator[NameServer]:
    made = NameServer()
    yield made
    made.close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def update(there: NameServer, **given: Any) -> dict[str, Any]:
    how = {"server": "127.0.0.1", "port": there.port, "zone": ZONE, "key": KEY, "algorithm": "hmac-sha256"}
    return {"rfc2136": Rfc2136(**{**how, "secret": BASE64, "ttl": 60, **given})}


def test_names_have_the_new_addresses_in_place_of_the_old(run: Run, server: NameServer) -> None:
    server.zone[NAME, "TXT"] = "kept"
    outcome = run(NAME, "www.example.net", ipv6=SIX, **update(server))
    assert (outcome.verdict, outcome.answer) == ("told", "NOERROR"), outcome
    assert server.zone == {
        (NAME, "TXT"): "kept",
        (NAME, "A"): "203.0.113.50 60", (NAME, "AAAA"): "2001:db8::5 60",
        ("www.example.net", "A"): "203.0.113.50 60", ("www.example.net", "AAAA"): "2001:db8::5 60",
    }  # fmt: skip
    assert run(ipv4=IPv4Address("203.0.113.51"), **update(server, ttl=300)).verdict == "told"
    assert (server.zone[NAME, "A"], server.zone[NAME, "AAAA"]) == ("203.0.113.51 300", "2001:db8::5 60")
    assert BASE64 not in run.said + run.report.read_text()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_is_that_of_others(run: Run, server: NameServer, algorithm: str) -> None:
    assert run(**update(server, algorithm=algorithm)).verdict == "told"
    assert server.zone == {(NAME, "A"): "203.0.113.50 60"}


def test_what_is_not_done_is_said(run: Run, server: NameServer) -> None:
    wrong = b64encode(b"another key that is as long").decode()
    for given, said in (
        ({"secret": wrong}, "the key is not the one that the name server has"),
        ({"key": "nobody.key"}, "the name server knows no key of that name and algorithm"),
        ({"zone": "example.org"}, "the name server does not hold the zone, or does not accept the key"),
    ):
        outcome = run(**update(server, **given))
        assert (outcome.verdict, outcome.words) == ("failed", said)
    server.refuses = True
    assert "does not let this key change the name" in run(**update(server)).words
    assert server.zone == {}
    server.refuses, server.signs = False, False
    outcome = run(**update(server))
    assert (outcome.verdict, outcome.words) == ("failed", "its answer is not signed")


def test_it_leaves_by_the_uplink_whose_address_it_is(uplinks: Any, tmp_path: Path) -> None:
    router, provider = uplinks
    server = NameServer("203.0.113.1", provider.where, 5353)
    try:
        second = Way(device="wan2", source4=IPv4Address("198.51.100.2"))
        assert Run(tmp_path, router)(way=second, **update(server, server="203.0.113.1")).verdict == "told"
        assert server.sources == ["198.51.100.2"]
    finally:
        server.close()


def test_the_name_server_here_is_one_for_the_program_of_others_too(server: NameServer) -> None:
    """Else it would prove nothing that the update suits it."""
    script = f"server 127.0.0.1 {server.port}\nzone {ZONE}\nkey hmac-sha256:{KEY} {BASE64}\n"
    script += f"update delete {NAME} A\nupdate add {NAME} 60 A 203.0.113.9\nsend\n"
    done = subprocess.run(
        ["nsupdate", "-v"], input=script, text=True, capture_output=True, timeout=LONG_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert server.zone == {(NAME, "A"): "203.0.113.9 60"}
