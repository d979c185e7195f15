# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks whether the router does what a healthy one does; nothing of it needs the world outside."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

from patronus.core.engine import Engine
from patronus.core.errors import KernelError, PatronusError, Unavailable
from patronus.core.feature import refusing
from patronus.core.verb import Caller, Nothing, Role
from patronus.daemon.settings import PatronusFile
from patronus.daemon.updates.own_check import OwnCheck
from patronus.kernel.units import Units
from patronus.network.dhcp.catalogue import Catalogue as DhcpCatalogue
from patronus.network.dhcp.model import Dhcp
from patronus.network.dns.catalogue import Catalogue as DnsCatalogue
from patronus.network.dns.model import Dns
from patronus.network.dns.verbs import Lookup
from patronus.update.health import Finding

PATIENCE_S = 10.0
PAGE = "/log-in"
GUNICORN = Path("/usr/bin/gunicorn")
"""The profile minimal has no page."""
OUTSIDE = ("patronus-gitops", "patronus-forward", "patronus-lists", "patronus-update", "patronus-dhcpcd",
           "patronus-check", "patronus-dyndns")  # fmt: skip
"""Units that fail when somebody else does: a server away says nothing of this version."""
OURSELVES = Caller("patronus", Role.ADMIN)
SPOKEN = ("NOERROR", "NXDOMAIN")
"""Codes by which a server says what there is of its own domain."""


class Health:
    """The looks. ``page`` is where the admin page answers, None where there is none."""

    def __init__(
        self,
        engine: Engine,
        units: Units,
        dhcp: DhcpCatalogue,
        dns: DnsCatalogue,
        page: tuple[str, int] | None,
        own_check: OwnCheck,
    ) -> None:
        self._engine = engine
        self._units = units
        self._dhcp = dhcp
        self._dns = dns
        self._page = page
        self._own_check = own_check

    def look(self) -> list[Finding]:
        """Return what was found, one finding for each thing that this router has to do."""
        return list(self._findings())

    def _findings(self) -> Iterator[Finding]:
        config = self._engine.config
        yield _find("configuration", self._configuration)
        if config.get(Dhcp).pools or config.get(Dhcp).ipv6_pools:
            yield _find("dhcp", self._serves)
        if config.get(Dns).listen:
            yield _find("dns", self._resolves)
        if self._page is not None:
            yield _find("page", self._answers)
        yield _find("units", self._no_unit_failed)
        settings = config.get(PatronusFile).update
        if (url := settings.health) is not None:
            yield _find("check", lambda: _page_of(url))
        if (command := settings.check) is not None:
            yield _find("command", lambda: self._own_check.run(command))

    def _configuration(self) -> str:
        """Compare: the confirmed generation runs, and the kernel is as planned (links, rules, sockets).

        What refuses no change, such as a list whose server is away, makes no version ill either.
        """
        running, confirmed = self._engine.generation, self._engine.confirmed()
        if running != confirmed:
            raise Unavailable(f"generation {running} runs, and {confirmed} is the confirmed one")
        if differences := refusing(self._engine.observe()):
            told = "; ".join(f"{one.what}: wanted {one.wanted}, found {one.found}" for one in differences)
            raise Unavailable(f"not as planned: {told}")
        return f"generation {running} is confirmed and runs as planned"

    def _serves(self) -> str:
        status = self._dhcp.status(OURSELVES, Nothing())
        if not status.running:
            raise Unavailable("the DHCP server does not answer")
        return f"the server answers, for {', '.join(status.devices) or 'no device'}"

    def _resolves(self) -> str:
        """Ask the server for this router's own name, as a client would.

        The name lies in the local domain, of which the server itself answers. It is not there where no
        address of the router is told to anybody, and that it is not there is an answer too.
        """
        config = self._engine.config
        name = f"{config.get(PatronusFile).system.hostname}.{config.get(Dns).local.domain}"
        found = self._dns.lookup(OURSELVES, Lookup(name=name))
        if found.status not in SPOKEN:
            raise Unavailable(f"{name}: {found.status}")
        return f"{name} is answered"

    def _answers(self) -> str:
        assert self._page is not None
        host, port = self._page
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE  # our own page, on loopback
        connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE_S, context=trusting)
        try:
            connection.request("GET", PAGE)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"nobody answers: {error}") from error
        finally:
            connection.close()
        if status not in (HTTPStatus.OK, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER):  # to the set-up page
            raise Unavailable(f"the log-in page answers with {status}")
        return "the log-in page answers"

    def _no_unit_failed(self) -> str:
        failed = [unit for unit in self._units.failed() if not unit.startswith(OUTSIDE)]
        if failed:
            raise KernelError(f"{', '.join(failed)} failed")
        return "none failed"


def _page_of(url: str) -> str:
    """Return that a page of the owner's answers. Raises Unavailable."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=PATIENCE_S) as response:
            return f"{url} answers with {response.status}"
    except urllib.error.HTTPError as error:
        error.close()
        raise Unavailable(f"{url} answers with {error.code}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a URL nobody can ask for
        raise Unavailable(f"{url} does not answer: {getattr(error, 'reason', error)}") from error


def _find(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name=name, well=True, said=look())
    except PatronusError as error:
        return Finding(name=name, well=False, said=str(error))
