# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus aliases``: options to the alias that the daemon gets, and what is printed of those there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from patronus.cli.commands.aliases import aliases
from patronus.cli.session import Session
from patronus.client import Client
from patronus.core.errors import InvalidRequest, NotFound
from patronus.firewall.model import Alias

FOUND = {"alias": "bad", "kind": "list", "source": "https://lists.example/bad.txt", "ipv4": 2, "ipv6": 0,
         "fault": None}  # fmt: skip
USE = {"section": "firewall/rules", "id": "r-1", "name": "the office", "key": "source"}
MANY = [f"10.0.0.{number}" for number in range(9)]
LISTED = [
    {"id": "many", "kind": "addresses", "alias": {"id": "many", "addresses": MANY}, "used_by": [USE],
     "found": None},
    {"id": "web", "kind": "ports", "alias": {"id": "web", "ports": 443}, "used_by": [], "found": None},
    {"id": "bad", "kind": "list", "alias": {"id": "bad", "list": {"url": FOUND["source"]}}, "used_by": [],
     "found": FOUND},
]  # fmt: skip


class Daemon:
    """patronusd, as far as the aliases go; it keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def call(self, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        if verb == "firewall.ListAliases":
            return {"aliases": LISTED}
        if verb == "system.Status":
            return {"generation": 7}
        self.told.append((verb, given))
        return {"generation": 8, "changes": [], "warnings": [], "confirm_within_s": None, "draft": False}


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setenv("COLUMNS", "200")
    return Daemon()


def run(daemon: Daemon, *words: str) -> Result:
    return CliRunner().invoke(aliases, words, obj=Session(cast(Client, daemon)))


def test_options_become_an_alias_that_the_model_takes(daemon: Daemon, tmp_path: Path) -> None:
    for words, alias in (
        (
            ("admins", "--address", "192.168.1.10", "--address", "10.0.0.0/8,10.1.0.1-10.1.0.9"),
            {"addresses": ["192.168.1.10", "10.0.0.0/8", "10.1.0.1-10.1.0.9"]},
        ),
        (("web", "--port", "80", "--port", "8000-8100"), {"ports": [80, "8000-8100"]}),
        (
            ("bad", "--url", "https://lists.example/bad.txt", "--refresh", "6h", "--description", "scanners"),
            {"list": {"url": "https://lists.example/bad.txt", "refresh": "6h"}, "description": "scanners"},
        ),
        (("own", "--file", "own.txt"), {"list": {"file": "own.txt"}}),
        (("nas", "--host", "nas.home.arpa"), {"names": ["nas.home.arpa"]}),
        (("near", "--country", "DE", "--country", "AT"), {"countries": ["DE", "AT"]}),
    ):
        result = run(daemon, "add", *words)
        assert result.exit_code == 0, result.output
        assert daemon.told[-1] == ("firewall.AddAlias", {"alias": {"id": words[0], **alias}})
        Alias.model_validate({"id": words[0], **alias})
    ca = tmp_path / "ca.pem"
    ca.write_text("certificates")
    run(daemon, "replace", "bad", "--url", "https://lists.example/bad.txt", "--ca", str(ca))
    given = {"list": {"url": "https://lists.example/bad.txt", "ca": "certificates"}}
    assert daemon.told[-1] == ("firewall.ReplaceAlias", {"id": "bad", "alias": given})


def test_entries_are_put_in_and_taken_out_of_what_stands_now(daemon: Daemon) -> None:
    run(daemon, "include", "web", "80", "443")
    assert daemon.told[-1][1] == {"id": "web", "alias": {"id": "web", "ports": [443, 80]}, "base": 7}
    run(daemon, "exclude", "many", *(f"10.0.0.{n}" for n in range(8)))
    assert daemon.told[-1][1]["alias"] == {"id": "many", "addresses": ["10.0.0.8"]}
    told = len(daemon.told)
    assert isinstance(run(daemon, "exclude", "web", "22").exception, NotFound)
    assert isinstance(run(daemon, "include", "bad", "192.0.2.1").exception, InvalidRequest)
    assert isinstance(run(daemon, "include", "none", "192.0.2.1").exception, NotFound)
    assert len(daemon.told) == told


def test_long_aliases_are_cut_in_the_list_and_whole_by_themselves(daemon: Daemon) -> None:
    lines = run(daemon).output.splitlines()
    assert "10.0.0.3, and 5 more" in lines[1] and lines[1].endswith("the office")
    assert "https://lists.example/bad.txt" in lines[3] and "2 IPv4 and 0 IPv6 ranges" in lines[3]
    shown = run(daemon, "show", "many").output.splitlines()
    assert shown[8:] == ["10.0.0.8", "used by firewall/rules r-1 (the office): source"]
    assert run(daemon, "show", "bad").output.splitlines()[0] == "https://lists.example/bad.txt"
