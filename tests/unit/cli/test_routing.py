# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus routing``: the neighbours of the protocol that is asked for, and the daemons that are silent."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from click.testing import CliRunner

from patronus.cli.commands.routing import routing
from patronus.cli.session import Session
from patronus.client import Client

SILENT = "ospfd does not answer: No such file or directory"


def neighbor(protocol: str, **changes: Any) -> dict[str, Any]:
    """Return one as ``routing.Neighbors`` tells of it."""
    told = {"protocol": protocol, "id": "isp", "address": "192.0.2.2", "remote_as": 65002, "state": "up",
            "since_s": 61.4, "received": 3, "sent": 2, "reason": ""}  # fmt: skip
    return told | changes


class Daemon:
    """patronusd, as far as one verb goes."""

    def __init__(self, neighbors: list[dict[str, Any]], silent: list[str]) -> None:
        self._said = {"neighbors": neighbors, "silent": silent}

    def call(self, verb: str, _: dict[str, Any]) -> dict[str, Any]:
        assert verb == "routing.Neighbors"
        return self._said


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def said(*words: str, neighbors: tuple[str, ...] = (), silent: tuple[str, ...] = (), **how: Any) -> str:
    """Return what the command prints."""
    daemon = Daemon([neighbor(one) for one in neighbors], list(silent))
    result = CliRunner().invoke(routing, words, obj=Session(cast(Client, daemon), **how))
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("command", [(), ("neighbors",), ("bgp",)])
def test_a_daemon_that_is_silent_is_named_beside_the_neighbours_of_the_others(
    command: tuple[str, ...],
) -> None:
    lines = said(*command, neighbors=("bgp",), silent=(SILENT,)).splitlines()
    assert lines[0] == SILENT
    assert lines[1].split()[:3] == ["protocol", "neighbour", "address"]
    assert lines[2].split() == ["bgp", "isp", "192.0.2.2", "65002", "up", "61s", "3", "2", "–"]


def test_nobody_is_said_to_be_there_only_where_that_is_known() -> None:
    assert said() == "No other router is spoken with.\n"
    assert said(silent=(SILENT, "bgpd is gone")) == f"{SILENT}\nbgpd is gone\n"


def test_each_protocol_is_listed_alone_and_both_kinds_of_ospf_together() -> None:
    every = ("bgp", "ospf", "ospf3")
    listed = {
        command: [line.split()[0] for line in said(command, neighbors=every).splitlines()[1:]]
        for command in ("neighbors", "bgp", "ospf")
    }
    assert listed == {"neighbors": [*every], "bgp": ["bgp"], "ospf": ["ospf", "ospf3"]}


def test_a_program_reads_both_and_no_sentence() -> None:
    read = json.loads(said("ospf", neighbors=("bgp", "ospf"), silent=(SILENT,), as_json=True))
    assert [one["protocol"] for one in read["neighbors"]] == ["ospf"]
    assert read["silent"] == [SILENT]
