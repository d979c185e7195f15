# SPDX-License-Identifier: GPL-2.0-or-later
"""Upstream over TLS: unbound is believed by its certificate alone, and a bad one passes the question on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patronus.core.verb import Nothing
from patronus.network.dns.verbs import UpstreamInfo
from tests.netns.gitops.server import certificate
from tests.netns.services.network import DNS, ROOT, Router, dig, status, wait_for
from tests.netns.services.tls_server import ADDRESS, NAME, PORT, Odd, running, unbound


@pytest.fixture
def client(router: Router) -> Router:
    """Return the router, with a client on its LAN."""
    router.lan.ip("addr add 192.168.1.50/24 dev eth0")
    return router


def over_tls(ca: str, *more: dict[str, Any], name: str = NAME) -> dict[str, Any]:
    first = {"id": "tls", "address": ADDRESS, "protocol": "tls", "name": name, "ca": ca}
    return {**DNS, "upstreams": [first, *more]}


def first(router: Router) -> UpstreamInfo:
    return router.ask_dns.status(ROOT, Nothing()).upstreams[0]


def connections(router: Router) -> int:
    """Return how many connections the upstream server holds."""
    return len(router.wan.run("ss", "-Htn", "state", "established", "sport", f"= :{PORT}").splitlines())


def test_names_come_over_one_connection_for_many_questions(client: Router, tmp_path: Path) -> None:
    with unbound(client.wan, tmp_path) as ca:
        client.apply(dns=over_tls(ca))
        assert dig(client.lan, "www.example") == ["198.51.100.7"]
        assert dig(client.lan, "other.example") == ["198.51.100.8"]
        assert status(client.lan, "nix.example") == "NXDOMAIN"
        for number in range(4):
            assert status(client.lan, f"nix{number}.example") == "NXDOMAIN"
        assert connections(client) in {1, 2}, "a second one only where an answer was slow"
        found = first(client)
    assert (found.protocol, found.port, found.answered, found.problem) == ("tls", 853, 7, None)


def test_a_server_that_was_away_is_asked_again_on_a_new_connection(client: Router, tmp_path: Path) -> None:
    with unbound(client.wan, tmp_path) as ca:
        client.apply(dns=over_tls(ca))
        assert dig(client.lan, "www.example") == ["198.51.100.7"]
    assert status(client.lan, "other.example") == "SERVFAIL"
    assert "refused" in str(first(client).problem)
    with running(client.wan, tmp_path):
        wait_for(lambda: dig(client.lan, "other.example") == ["198.51.100.8"])
    assert first(client).problem is None


@pytest.mark.parametrize("wrong", ["name", "authority", "none", "address"])
def test_a_certificate_that_is_not_the_servers_is_not_believed(
    client: Router, tmp_path: Path, wrong: str
) -> None:
    with unbound(client.wan, tmp_path) as ca:
        told = over_tls(ca, name="other.example" if wrong == "name" else NAME)
        if wrong == "authority":
            told["upstreams"][0]["ca"] = certificate(tmp_path, "eve")
        elif wrong in {"none", "address"}:
            del told["upstreams"][0]["ca" if wrong == "none" else "name"]
        client.apply(dns=told)
        assert status(client.lan, "www.example") == "SERVFAIL"
        found = first(client)
        assert (found.answered, found.healthy) == (0, False)
        assert "its certificate is not believed" in str(found.problem)


@pytest.mark.parametrize("manner", ["mute", "lying", "garbled", "truncating"])
def test_a_server_that_answers_badly_passes_the_question_on(
    client: Router, tmp_path: Path, manner: str
) -> None:
    odd = Odd(client.wan, tmp_path, manner)
    with client.upstream():
        client.apply(dns=over_tls(odd.ca, {"id": "plain", "address": ADDRESS}))
        wait_for(lambda: dig(client.lan, "www.example") == ["198.51.100.7"])
    found = client.ask_dns.status(ROOT, Nothing())
    assert [item.answered for item in found.upstreams] == [0, 1]
    assert odd.connections > 0
    odd.close()


def test_one_that_hangs_up_after_each_answer_loses_no_question(client: Router, tmp_path: Path) -> None:
    odd = Odd(client.wan, tmp_path, "short")
    client.apply(dns=over_tls(odd.ca))
    for number in range(5):
        assert dig(client.lan, f"x{number}.example") == ["198.51.100.9"]
    assert odd.connections >= 5
    odd.close()
