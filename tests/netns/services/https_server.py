# SPDX-License-Identifier: GPL-2.0-or-later
"""A server of DNS over HTTPS that does what a good one never does."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded

from tests.netns.lab import Namespace
from tests.netns.services.tls_server import Odd

DNS_MESSAGE = "application/dns-message"


class OddHttps(Odd):
    """One that speaks HTTP/2 and is ``failing``, ``page``, ``resetting``, ``old``, or as one over TLS is.

    ``failing`` answers with the status 500, ``page`` with HTML, ``old`` knows no HTTP/2. ``short`` says
    goodbye after each answer.
    """

    def __init__(self, namespace: Namespace, folder: Path, manner: str, port: int) -> None:
        super().__init__(namespace, folder, manner, port)
        if manner != "old":
            self._context.set_alpn_protocols(["h2"])

    def _serve(self, sock: socket.socket) -> None:
        http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        bodies: dict[int, bytes] = {}
        with suppress(OSError, EOFError), self._context.wrap_socket(sock, server_side=True) as stream:
            http.initiate_connection()
            stream.sendall(http.data_to_send())
            while data := stream.recv(65536):
                for event in http.receive_data(data):
                    at: int = getattr(event, "stream_id", None) or 0
                    if isinstance(event, DataReceived):
                        bodies[at] = bodies.get(at, b"") + (event.data or b"")
                    elif isinstance(event, StreamEnded):
                        self._answer(http, at, bodies.pop(at))
                stream.sendall(http.data_to_send())

    def _answer(self, http: H2Connection, at: int, message: bytes) -> None:
        reply = self._reply(message)
        if self._manner == "resetting":
            http.reset_stream(at)
        elif reply:
            status = "500" if self._manner == "failing" else "200"
            media_type = "text/html" if self._manner == "page" else DNS_MESSAGE
            http.send_headers(at, [(":status", status), ("content-type", media_type)])
            http.send_data(at, reply, end_stream=True)
        if self._manner == "short":
            http.close_connection()
