# SPDX-License-Identifier: GPL-2.0-or-later
"""Upstream over HTTPS: unbound answers on HTTP/2, and what is no DNS server passes the question on."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from patronus.core.verb import Nothing
from patronus.network.dns.verbs import UpstreamInfo
from tests.netns.gitops.server import certificate
from tests.netns.services.https_server import OddHttps
from tests.netns.services.network import DNS, ROOT, Router, dig, status, wait_for
from tests.netns.services.tls_server import ADDRESS, HTTPS_PORT, NAME, running, unbound


@pytest.fixture
def client(router: Router) -> Router:
    """Return the router, with a client on its LAN."""
    router.lan.ip("addr add 192.168.1.50/24 dev eth0")
    return router


def over_https(ca: str, *more: dict[str, Any], **given: str) -> dict[str, Any]:
    server = {"id": "doh", "address": ADDRESS, "protocol": "https", "name": NAME, "ca": ca, **given}
    return {**DNS, "upstreams": [server, *more]}


def first(router: Router) -> UpstreamInfo:
    return router.ask_dns.status(ROOT, Nothing()).upstreams[0]


def test_names_come_from_a_server_of_another_make(client: Router, tmp_path: Path) -> None:
    """Many at a time, over one connection, the long ones too."""
    with unbound(client.wan, tmp_path, port=HTTPS_PORT) as ca:
        client.apply(dns=over_https(ca))
        assert dig(client.lan, "www.example") == ["198.51.100.7"]
        assert dig(client.lan, "other.example", "+tcp") == ["198.51.100.8"]
        names = [f"nix{number}.example" for number in range(40)]
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(lambda name: status(client.lan, name), names)
            assert set(found) == {"NXDOMAIN"}
        assert len(dig(client.lan, "long.example", "TXT")[0]) > 3000
        established = client.wan.run("ss", "-Htn", "state", "established", "sport", f"= :{HTTPS_PORT}")
        assert 1 <= len(established.splitlines()) < len(names), "one is for many questions"
        told = first(client)
    assert (told.protocol, told.port, told.answered, told.problem) == ("https", 443, 43, None)


def test_a_server_that_was_away_is_asked_again(client: Router, tmp_path: Path) -> None:
    with unbound(client.wan, tmp_path, port=HTTPS_PORT) as ca:
        client.apply(dns=over_https(ca))
        assert dig(client.lan, "www.example") == ["198.51.100.7"]
    assert status(client.lan, "other.example") == "SERVFAIL"
    assert first(client).problem
    with running(client.wan, tmp_path, HTTPS_PORT):
        wait_for(lambda: dig(client.lan, "other.example") == ["198.51.100.8"])
    assert first(client).problem is None


@pytest.mark.parametrize("wrong", ["name", "authority", "path"])
def test_a_server_that_is_not_the_one_is_not_believed(client: Router, tmp_path: Path, wrong: str) -> None:
    with unbound(client.wan, tmp_path, port=HTTPS_PORT) as ca:
        other = certificate(tmp_path, "eve") if wrong == "authority" else ca
        given = {"name": {"name": "other.example"}, "path": {"path": "/elsewhere"}}.get(wrong, {})
        client.apply(dns=over_https(other, **given))
        assert status(client.lan, "www.example") == "SERVFAIL"
        found = first(client)
        assert (found.answered, found.healthy) == (0, False)
        problem = "HTTP status 404" if wrong == "path" else "its certificate is not believed"
        assert problem in str(found.problem)


@pytest.mark.parametrize(
    ("manner", "problem"),
    [
        ("mute", ""),
        ("lying", ""),
        ("truncating", "truncates over a stream"),
        ("failing", "HTTP status 500"),
        ("page", "text/html in place of a DNS message"),
        ("old", "does not speak HTTP/2"),
        ("resetting", "gives up the request"),
        ("garbled", ""),
    ],
)
def test_a_server_that_answers_badly_passes_the_question_on(
    client: Router, tmp_path: Path, manner: str, problem: str
) -> None:
    odd = OddHttps(client.wan, tmp_path, manner, HTTPS_PORT)
    with client.upstream():
        client.apply(dns=over_https(odd.ca, {"id": "plain", "address": ADDRESS}))
        wait_for(lambda: dig(client.lan, "www.example") == ["198.51.100.7"])
    found = client.ask_dns.status(ROOT, Nothing())
    assert [item.answered for item in found.upstreams] == [0, 1]
    client.apply(dns=over_https(odd.ca))
    names = (f"x{number}.example" for number in itertools.count())
    wait_for(lambda: status(client.lan, next(names)) == "SERVFAIL" and problem in str(first(client).problem))
    assert odd.connections > 0
    odd.close()


def test_one_that_says_goodbye_after_each_answer_loses_no_question(client: Router, tmp_path: Path) -> None:
    odd = OddHttps(client.wan, tmp_path, "short", HTTPS_PORT)
    client.apply(dns=over_https(odd.ca))
    for number in range(5):
        assert dig(client.lan, f"x{number}.example") == ["198.51.100.9"]
    assert odd.connections >= 5
    odd.close()
