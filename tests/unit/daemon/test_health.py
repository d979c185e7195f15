# SPDX-License-Identifier: GPL-2.0-or-later
"""What makes a version ill, and what does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from patronus.core.engine import Engine
from patronus.core.errors import PatronusError, Unavailable
from patronus.core.model import Configuration
from patronus.daemon.settings import PatronusFile
from patronus.daemon.updates.health import Health
from patronus.daemon.updates.own_check import OwnCheck
from patronus.kernel.units import Units
from patronus.network.dhcp.catalogue import Catalogue as DhcpCatalogue
from patronus.network.dhcp.model import Dhcp
from patronus.network.dns.catalogue import Catalogue as DnsCatalogue
from patronus.network.dns.model import Dns
from patronus.network.dns.verbs import Lookup, LookupResult
from patronus.update.health import Finding


class Server:
    """The DNS server: what it says to any question."""

    def __init__(self, says: str | PatronusError) -> None:
        self.says = says
        self.asked: list[str] = []

    def lookup(self, _: Any, given: Lookup) -> LookupResult:
        self.asked.append(given.name)
        if isinstance(self.says, PatronusError):
            raise self.says
        return LookupResult(status=self.says, answers=[])


class Program:
    """The owner's own check: what it was started with, and what it says."""

    def __init__(self, says: str | PatronusError) -> None:
        self.says = says
        self.asked: list[list[str]] = []

    def run(self, command: list[str]) -> str:
        self.asked.append(command)
        if isinstance(self.says, PatronusError):
            raise self.says
        return self.says


NO_PROGRAM = Program("well")


def look(
    server: Server, check: str | None = None, program: Program = NO_PROGRAM, command: list[str] | None = None
) -> dict[str, Finding]:
    settings: dict[str, Any] = {"update": {"health": check, "check": command}}
    file = PatronusFile.model_validate(settings)
    config = Configuration({"patronus": file, "network/dns": Dns(listen=["lan"]), "network/dhcp": Dhcp()})
    engine = SimpleNamespace(config=config, generation=1, confirmed=lambda: 1, observe=list)
    units = SimpleNamespace(failed=list)
    health = Health(
        cast(Engine, engine), cast(Units, units), cast(DhcpCatalogue, None), cast(DnsCatalogue, server), None,
        cast(OwnCheck, program),
    )  # fmt: skip
    return {one.name: one for one in health.look()}


@pytest.mark.parametrize("says", ["NOERROR", "NXDOMAIN"])
def test_a_server_that_speaks_of_its_own_domain_is_well(says: str) -> None:
    """Where it listens on interfaces with addresses from elsewhere alone, this router has no name."""
    server = Server(says)
    assert look(server)["dns"].well
    assert server.asked == ["patronus.home.arpa"]


@pytest.mark.parametrize("says", ["SERVFAIL", "REFUSED", Unavailable("nobody answers")])
def test_a_server_that_does_not_is_ill(says: str | PatronusError) -> None:
    assert not look(Server(says))["dns"].well


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/\u00e4", "http://a..b/x", "http://127.0.0.1:9/x"])
def test_a_page_that_nobody_can_ask_for_is_a_finding(url: str) -> None:
    found = look(Server("NOERROR"), url)
    assert not found["check"].well
    assert url in found["check"].said


def test_the_owners_own_program_is_asked_where_there_is_one() -> None:
    command, server = ["/usr/bin/alive", "--fast"], Server("NOERROR")
    well, ill = Program("all is well"), Program(Unavailable("exit status 1: /usr/bin/alive --fast"))
    assert "command" not in look(server, program=ill)
    assert ill.asked == []
    assert look(server, program=well, command=command)["command"] == Finding(
        name="command", well=True, said="all is well"
    )
    assert well.asked == [command]
    assert not look(server, program=ill, command=command)["command"].well
