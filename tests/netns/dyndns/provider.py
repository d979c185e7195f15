# SPDX-License-Identifier: GPL-2.0-or-later
"""A provider of outside names over TLS, with a certificate of its own: /nic/update, and pages."""

from __future__ import annotations

import ssl
import threading
from base64 import b64decode
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.netns.update.certificate import self_signed

USER, PASSWORD = "anna", "p&ss=w%rd+1"
TOKEN = "t0k/en?&"


@dataclass(frozen=True)
class Asked:
    """One request that came: from where, for what, and who it said it was."""

    source: str
    path: str
    query: dict[str, str]
    login: tuple[str, str] | None
    agent: str


@dataclass
class Behaviour:
    """What is answered. ``says``: in place of ``good``; ``seen``: the address that the page tells."""

    says: str | None = None
    status: int = HTTPStatus.OK
    leads_to: str | None = None
    seen: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:  # noqa: N802
        """Answer as told."""
        how = self.behaviour
        asked = self._asked()
        how.asked.append(asked)
        if how.leads_to is not None:
            self._answer(HTTPStatus.FOUND, "", Location=how.leads_to)
        elif how.status != HTTPStatus.OK or how.says is not None:
            self._answer(how.status, how.says or "")
        elif asked.path == "/nic/update":
            self._update(asked)
        elif asked.path == "/set":
            well = asked.query.get("token") == TOKEN
            if well:
                how.names[asked.query["name"]] = asked.query["ip"]
            self._answer(HTTPStatus.OK, "OK" if well else "KO")
        else:
            self._answer(HTTPStatus.OK, f"you are {how.seen or asked.source}\n")

    def _update(self, asked: Asked) -> None:
        if asked.login != (USER, PASSWORD):
            self._answer(HTTPStatus.UNAUTHORIZED, "badauth")
            return
        lines = []
        for name in asked.query["hostname"].split(","):
            same = self.behaviour.names.get(name) == asked.query["myip"]
            self.behaviour.names[name] = asked.query["myip"]
            lines.append(f"{'nochg' if same else 'good'} {asked.query['myip']}")
        self._answer(HTTPStatus.OK, "\n".join(lines))

    def _asked(self) -> Asked:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        given = self.headers.get("Authorization")
        login = None
        if given is not None:
            user, _, password = b64decode(given.removeprefix("Basic ")).decode().partition(":")
            login = (user, password)
        source = str(self.client_address[0])
        return Asked(source, parts.path, query, login, self.headers.get("User-Agent", ""))

    def _answer(self, status: int, text: str, **headers: str) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class NameProvider:
    """``https://ADDRESS:PORT``; ``where`` is the network namespace in which it listens."""

    def __init__(
        self,
        scratch: Path,
        address: str = "127.0.0.1",
        port: int = 0,
        where: AbstractContextManager[Any] | None = None,
    ) -> None:
        self.behaviour = Behaviour()
        self.where = where
        handler = type("Handler", (_Handler,), {"behaviour": self.behaviour})
        certificate, key = self_signed(scratch, address)
        self.ca = certificate.read_text()
        with where or nullcontext():
            self._server = ThreadingHTTPServer((address, port), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
