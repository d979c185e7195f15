# SPDX-License-Identifier: GPL-2.0-or-later
"""What makes a version ill, and what does not."""

from __future__ import annotations

import ssl
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest

from patronus.core.engine import Engine
from patronus.core.errors import PatronusError, Unavailable
from patronus.core.feature import Difference
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
from tests.netns.update.certificate import self_signed


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
STILL = SimpleNamespace(running=False, devices=[])
"""A DHCP server that does not answer."""


def look(
    server: Server, check: str | None = None, program: Program = NO_PROGRAM, command: list[str] | None = None
) -> dict[str, Finding]:
    settings: dict[str, Any] = {"update": {"health": check, "check": command}}
    file = PatronusFile.model_validate(settings)
    config = Configuration({"patronus": file, "network/dns": Dns(listen=["lan"]), "network/dhcp": Dhcp()})
    return {one.name: one for one in healthy(config, server, program).look()}


def healthy(
    config: Configuration,
    server: Server,
    program: Program = NO_PROGRAM,
    page: tuple[str, int] | None = None,
    failed: tuple[str, ...] = (),
    **engine: Any,
) -> Health:
    """Return who looks at a router that is well but for what is said."""
    well = {"config": config, "generation": 1, "confirmed": lambda: 1, "observe": list} | engine
    units, dhcp = SimpleNamespace(failed=lambda: list(failed)), SimpleNamespace(status=lambda *_: STILL)
    return Health(
        cast(Engine, SimpleNamespace(**well)), cast(Units, units), cast(DhcpCatalogue, dhcp),
        cast(DnsCatalogue, server), page, cast(OwnCheck, program),
    )  # fmt: skip


def findings(**said: Any) -> dict[str, Finding]:
    """Return what is found at a router that is well but for what is said."""
    config = Configuration({"patronus": PatronusFile(), "network/dns": Dns(), "network/dhcp": Dhcp()})
    return {one.name: one for one in healthy(config, Server("NOERROR"), **said).look()}


def test_a_router_that_is_as_planned_is_well_also_where_a_list_cannot_be_had() -> None:
    away = Difference("list https://lists.example/a", "current", "nobody answers", refuses=False)
    drift = Difference("nft chains", "forward", "nothing more")
    assert findings(observe=lambda: [away])["configuration"].well
    found = findings(observe=lambda: [away, drift])["configuration"]
    assert (found.well, found.said) == (
        False, "not as planned: nft chains: wanted forward, found nothing more",
    )  # fmt: skip


def test_what_nobody_has_confirmed_yet_proves_nothing() -> None:
    found = findings(generation=8, confirmed=lambda: 7)["configuration"]
    assert (found.well, found.said) == (False, "generation 8 runs, and 7 is the confirmed one")


def test_a_unit_that_fails_when_somebody_else_does_makes_no_version_ill() -> None:
    outside = ("patronus-lists.service", "patronus-check.service", "patronus-dhcpcd@eth0.service")
    assert findings(failed=outside)["units"].well
    found = findings(failed=(*outside, "patronus-dhcp.service"))["units"]
    assert (found.well, found.said) == (False, "patronus-dhcp.service failed")


@pytest.mark.parametrize("kind", ["pools", "ipv6_pools"])
def test_a_router_that_gives_addresses_of_either_family_has_a_server_that_answers(kind: str) -> None:
    pools: dict[str, Any] = {"pools": (), "ipv6_pools": (), kind: ("one",)}
    dhcp = Dhcp.model_construct(**pools)
    config = Configuration({"patronus": PatronusFile(), "network/dns": Dns(), "network/dhcp": dhcp})
    found = {one.name: one for one in healthy(config, Server("NOERROR")).look()}
    assert (found["dhcp"].well, found["dhcp"].said) == (False, "the DHCP server does not answer")
    assert "dhcp" not in findings()


class Page(BaseHTTPRequestHandler):
    """The log-in page, with any status."""

    status = HTTPStatus.OK

    def do_GET(self) -> None:  # noqa: N802
        """Answer as told."""
        assert self.path == "/log-in"
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("status", "well"),
    [
        (HTTPStatus.OK, True),
        (HTTPStatus.SEE_OTHER, True),
        (HTTPStatus.FOUND, True),
        (HTTPStatus.BAD_GATEWAY, False),
        (HTTPStatus.NOT_FOUND, False),
    ],
)
def test_a_page_that_answers_with_an_error_is_ill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: HTTPStatus, well: bool
) -> None:
    monkeypatch.setattr(Page, "status", status)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path, "127.0.0.1"))
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        where = ("127.0.0.1", server.server_port)
        found = findings(page=where)["page"]
        server.shutdown()
        thread.join()
    assert found.well is well
    assert well or str(int(status)) in found.said
    assert not findings(page=where)["page"].well, "nobody is there any more"


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
