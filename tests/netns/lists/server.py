# SPDX-License-Identifier: GPL-2.0-or-later
"""A server of lists over TLS, with a certificate of its own, that can be told to misbehave."""

from __future__ import annotations

import ssl
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.netns.update.certificate import self_signed


@dataclass
class Behaviour:
    """What is served by path, and how. ``asked`` are the paths and conditions of each request."""

    lists: dict[str, bytes] = field(default_factory=dict)
    status: int = HTTPStatus.OK
    leads_to: str | None = None
    cut: bool = False
    drips: bool = False
    etag: str | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:  # noqa: N802
        """Serve a list as told."""
        how = self.behaviour
        known = self.headers.get("If-None-Match")
        how.asked.append((self.path, known))
        body = how.lists.get(self.path)
        if how.leads_to is not None:
            self._answer(HTTPStatus.FOUND, b"", Location=how.leads_to)
        elif body is None:
            self._answer(HTTPStatus.NOT_FOUND, b"")
        elif how.etag is not None and known == how.etag:
            self._answer(HTTPStatus.NOT_MODIFIED, b"")
        else:
            self._answer(how.status, body, **({"ETag": how.etag} if how.etag else {}))

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.behaviour.drips:
            self._drip()
        else:
            self.wfile.write(body[: len(body) // 2] if self.behaviour.cut else body)

    def _drip(self) -> None:
        try:
            while not self.server.ended.wait(0.05):  # type: ignore[attr-defined]
                self.wfile.write(b"#")
        except OSError:
            return


class ListServer:
    """``https://ADDRESS:PORT``; ``where`` is the network namespace in which it listens."""

    def __init__(
        self,
        scratch: Path,
        address: str = "127.0.0.1",
        port: int = 0,
        where: AbstractContextManager[Any] | None = None,
    ) -> None:
        self.behaviour = Behaviour()
        handler = type("Handler", (_Handler,), {"behaviour": self.behaviour})
        certificate, key = self_signed(scratch, address)
        self.ca = certificate.read_text()
        with where or nullcontext():
            self._server: Any = ThreadingHTTPServer((address, port), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.ended = threading.Event()
        self.url = f"https://{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def serve(self, path: str, text: str) -> str:
        """Serve a list at a path from now on; return its URL."""
        self.behaviour.lists[path] = text.encode()
        return self.url + path

    def close(self) -> None:
        """End."""
        self._server.ended.set()
        self._server.shutdown()
        self._server.server_close()
