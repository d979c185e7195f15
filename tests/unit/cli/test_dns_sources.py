# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus dns upstreams`` and ``blocklists``: options to the entries that the daemon gets."""

from __future__ import annotations

from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from patronus.cli.commands.dns import dns_group
from patronus.cli.session import Session
from patronus.client import Client
from patronus.network.dns.model import Blocklist, Dns64, Upstream

REPORT = {"generation": 8, "changes": [], "warnings": [], "confirm_within_s": None, "draft": False}
LISTED: dict[str, dict[str, Any]] = {
    "dns.ListUpstreams": {
        "upstreams": [
            {"id": "isp", "upstream": {"id": "isp", "from": "wan"}},
            {
                "id": "quad",
                "upstream": {
                    "id": "quad",
                    "address": "192.0.2.53",
                    "protocol": "tls",
                    "domains": ["a.example", "b.example"],
                },
            },
        ],
        "ask": "fastest",
        "dns64": {"everyone": False},
    },
    "dns.ListBlocklists": {
        "blocklists": [
            {"id": "ads", "blocklist": {"id": "ads", "file": "ads"}, "everyone": True, "policies": ["kids"]},
            {"id": "old", "blocklist": {"id": "old", "file": "old"}, "everyone": False, "policies": []},
        ]
    },
}


class Daemon:
    """patronusd, as far as these go; it keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def call(self, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        if verb in LISTED:
            return LISTED[verb]
        self.told.append((verb, given))
        return REPORT


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setenv("COLUMNS", "200")
    return Daemon()


def run(daemon: Daemon, *words: str) -> Result:
    return CliRunner().invoke(dns_group, words, obj=Session(cast(Client, daemon)))


def test_lists_say_whom_and_for_whom(daemon: Daemon) -> None:
    lines = [" ".join(line.split()) for line in run(daemon, "upstreams").output.splitlines()]
    assert lines[1:] == [
        "isp those of wan – udp – –",
        "quad 192.0.2.53 – tls – a.example, b.example",
        "asked first: the fastest",
        "names without IPv6 lead to 64:ff9b::/96 for the policies that say so",
    ]
    lines = [" ".join(line.split()) for line in run(daemon, "blocklists").output.splitlines()]
    assert lines[1:] == ["ads ads – everybody, kids", "old old – nobody"]


def test_options_become_entries_that_the_model_takes(daemon: Daemon) -> None:
    how = ("--id", "quad", "--over", "https", "--name", "dns.example", "--path", "/q", "--port", "8443")
    run(daemon, "upstreams", "add", "192.0.2.53", *how, "--at", "0")
    run(daemon, "upstreams", "add", "wan")
    run(daemon, "upstreams", "add", "10.9.0.53", "--for", "corp.example", "--for", "9.10.in-addr.arpa")
    run(daemon, "upstreams", "first", "in-order")
    run(daemon, "upstreams", "remove", "quad")
    run(daemon, "blocklists", "add", "https://lists.example/ads.txt", "--id", "ads", "--refresh", "12h")
    run(daemon, "blocklists", "add", "own.txt", "--policies-only")
    run(daemon, "blocklists", "remove", "ads")
    server = {"id": "quad", "address": "192.0.2.53", "protocol": "https", "port": 8443, "name": "dns.example",
              "path": "/q"}  # fmt: skip
    office = {"address": "10.9.0.53", "domains": ("corp.example", "9.10.in-addr.arpa")}
    lists = {"id": "ads", "url": "https://lists.example/ads.txt", "refresh": "12h"}
    assert daemon.told == [
        ("dns.AddUpstream", {"upstream": server, "index": 0}),
        ("dns.AddUpstream", {"upstream": {"from": "wan"}}),
        ("dns.AddUpstream", {"upstream": office}),
        ("dns.SetAsk", {"ask": "in_order"}),
        ("dns.RemoveUpstream", {"id": "quad"}),
        ("dns.AddBlocklist", {"blocklist": lists}),
        ("dns.AddBlocklist", {"blocklist": {"file": "own.txt", "everyone": False}}),
        ("dns.RemoveBlocklist", {"id": "ads"}),
    ]
    assert Upstream.model_validate(server).port == 8443
    assert Blocklist.model_validate(lists).refresh == 12 * 3600


def test_names_without_ipv6_lead_to_a_translator_or_not(daemon: Daemon) -> None:
    own = ("--prefix", "2001:db8:64::/96", "--exclude", "2001:db8:bad::/48", "--policies-only")
    run(daemon, "dns64", "on")
    run(daemon, "dns64", "on", *own)
    run(daemon, "dns64", "off")
    assert "off takes no other option" in run(daemon, "dns64", "off", "--policies-only").output
    told = {"prefix": "2001:db8:64::/96", "exclude": ["2001:db8:bad::/48"], "everyone": False}
    assert daemon.told == [
        ("dns.SetDns64", {"dns64": {}}),
        ("dns.SetDns64", {"dns64": told}),
        ("dns.SetDns64", {}),
    ]
    assert Dns64.model_validate(told).prefix.prefixlen == 96
