# SPDX-License-Identifier: GPL-2.0-or-later
"""A web server with releases, by https; it stops in the middle of what it sends where that is asked for."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from io import BufferedIOBase
from pathlib import Path

from tests.netns.update.certificate import self_signed


class Gate:
    """Lets so many bytes of all that is sent pass, then holds until it is opened; the rest is lost."""

    def __init__(self, passes: int) -> None:
        self.left = passes
        self.reached, self.opened = threading.Event(), threading.Event()

    def send(self, stream: BufferedIOBase, content: bytes) -> None:
        """Send what passes."""
        piece = content[: self.left]
        stream.write(piece)
        self.left -= len(piece)
        if not self.left:
            self.reached.set()
            self.opened.wait()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with byte ranges (RFC 9110 section 14), and writes down what was asked from where."""

    asked: list[tuple[str, str | None]]
    ranges = True
    lengths = True
    head: HTTPStatus | None = None
    gate: Gate | None = None

    def do_HEAD(self) -> None:  # noqa: N802: the library names it
        if self.head is None:
            super().do_HEAD()
        else:
            self.send_error(self.head)

    def do_GET(self) -> None:  # noqa: N802: the library names it
        content = Path(self.translate_path(self.path)).read_bytes()
        wanted = self.headers.get("Range")
        self.asked.append((self.path, wanted))
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if wanted and start >= len(content):
            self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        self.send_response(HTTPStatus.PARTIAL_CONTENT if start else HTTPStatus.OK)
        if self.lengths:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.gate is None:
            self.wfile.write(content[start:])
        else:
            self.gate.send(self.wfile, content[start:])

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path, scratch: Path) -> Iterator[tuple[str, str, type[Handler]]]:
    """Serve a folder by https; yields its URL, the certificate, and the handler's class."""
    kind = type("Own", (Handler,), {"asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(kind, directory=str(folder)))
    certificate, key = self_signed(scratch, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}", certificate.read_text(), kind
    finally:
        server.shutdown()
        server.server_close()
