# SPDX-License-Identifier: GPL-2.0-or-later
"""How gunicorn runs the pages: ``gunicorn --config python:webui.server "webui.app:create_app()"``.

systemd opens the port and hands it in (sd_listen_fds(3)); the process itself needs no network of its own.
One worker, so that the curve of the overview is in one memory; threads, because requests wait for the daemon.
"""

from __future__ import annotations

import errno
import os
import selectors
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from patronus.client import SOCKET, Client
from patronus.core.errors import PatronusError
from webui.crowd import Crowd

FOLDER = Path(os.environ.get("PATRONUS_WEB_FOLDER", "/run/patronus-web"))
"""Where patronusd puts the certificate and its key."""

certfile = str(FOLDER / "tls.crt")
keyfile = str(FOLDER / "tls.key")
bind = os.environ.get("PATRONUS_WEB_BIND", "[::]:443")
"""Used where systemd hands in no socket."""
workers = 1
worker_class = "webui.server.Worker"
preload_app = True
"""The application is loaded while patronusd still starts, and the worker is a fork that has it."""
threads = 32
timeout = 90
graceful_timeout = 5
keepalive = 30
limit_request_line = 4094
limit_request_fields = 64
forwarded_allow_ips = ""
"""No proxy stands before us: forwarded headers are anybody's word."""
accesslog = None
errorlog = "-"
loglevel = "error"
"""Every browser that has not yet trusted the certificate would be a warning."""
SILENCE_S = 10.0
"""Longest silence of a peer within its handshake, its request, or while it takes the answer."""
REQUEST_S = 30.0
"""In which a request must be whole, however steadily it trickles: 6 MiB take that long at 1.7 Mbit/s."""
LOOK_S = 0.1
"""How often to look for the certificate, which patronusd hands out when it answers."""
FIRST_SEEN = ("base.html", "macros.html", "log_in.html")
CONNECTIONS, BUSY = 48, 12
"""Connections of one source, and threads that it may keep busy; a browser opens six, and a stream or two."""


class Request(SocketUnreader):  # type: ignore[misc]
    """Reads a request that must be whole in time; past it the peer counts as gone."""

    ends = 0.0

    def begin(self) -> None:
        """Start the time of the next request."""
        self.ends = time.monotonic() + REQUEST_S

    def chunk(self) -> bytes:
        """Return what has come; nothing where the peer has left or is too slow."""
        left = self.ends - time.monotonic()
        if left <= 0:
            return b""
        try:
            self.sock.settimeout(min(SILENCE_S, left))
            return bytes(super().chunk())
        except TimeoutError:
            return b""
        finally:
            self.sock.settimeout(SILENCE_S)


class Connection(TConn):  # type: ignore[misc]
    """A connection, counted for its source until it is closed; it must begin to speak before ``ends``."""

    def __init__(self, worker: Worker, sock: Any, client: Any, server: Any) -> None:
        super().__init__(worker.cfg, sock, client, server)
        self.source = str(client[0])
        self.ends = time.monotonic() + SILENCE_S
        self._leave: Callable[[str], None] | None = worker.connected.leave

    def close(self) -> None:
        """Close, and count no more."""
        super().close()
        leave, self._leave = self._leave, None
        if leave is not None:
            leave(self.source)


_SPARE = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def forget_errors() -> None:
    """Empty this thread's list of OpenSSL's errors, ERR_clear_error(3).

    Python 3.13 leaves a broken pipe in it, and the next connection that this thread would have to wait for is
    said to be broken. What clears it for certain is a refused list of ciphers.
    """
    with suppress(ssl.SSLError):
        _SPARE.set_ciphers("none-of-them")


def ask_ahead(socket: Path = SOCKET) -> None:
    """Have the daemon describe its verbs before the first visitor comes, who would wait for it."""
    with suppress(PatronusError), Client(socket) as client:
        client.describe()


def on_starting(arbiter: Any) -> None:
    """Make ready what the first visitor sees, then wait for the certificate: visitors wait at the socket."""
    templates = arbiter.app.wsgi().jinja_env
    for name in FIRST_SEEN:
        templates.get_template(name)
    while not (Path(certfile).exists() and Path(keyfile).exists()):
        time.sleep(LOOK_S)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads, which no silent, slow or greedy peer can keep from the others."""

    def init_process(self) -> None:
        """Begin to count, then serve."""
        threading.Thread(target=ask_ahead, daemon=True).start()
        self.connected = Crowd(CONNECTIONS, self.cfg.worker_connections)
        self.busy = Crowd(BUSY, self.cfg.threads)
        self.silent: set[Connection] = set()
        super().init_process()

    def accept(self, server: Any, listener: Any) -> None:
        """Take a connection of a source that has not too many; it must begin to speak soon."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        if not self.connected.enter(str(client[0])):
            sock.close()
            return
        conn = Connection(self, sock, client, server)
        self.nr_conns += 1
        self.silent.add(conn)
        with self._lock:
            self.poller.register(sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """Serve a connection that has begun to speak."""
        self.silent.discard(conn)
        super().on_client_socket_readable(conn, client)

    def enqueue_req(self, conn: Any) -> None:
        """Hand a connection to a thread; one whose peer reset it already is closed, and ends no other."""
        try:
            super().enqueue_req(conn)
        except OSError as error:
            if not isinstance(error, ConnectionError | ssl.SSLError):
                self.log.error("no TLS with %s: %s", conn.source, error)
            self.nr_conns -= 1
            conn.close()

    def murder_keepalived(self) -> None:
        """End connections that have been silent too long, also those that never spoke."""
        super().murder_keepalived()
        now = time.monotonic()
        for conn in [conn for conn in self.silent if conn.ends <= now]:
            self.silent.discard(conn)
            with self._lock:
                self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()

    def handle(self, conn: Any) -> Any:
        """Serve a request of a source that keeps no more threads than it may."""
        if not self.busy.enter(conn.source):
            return (False, conn)
        forget_errors()
        try:
            conn.sock.settimeout(SILENCE_S)
            if not isinstance(conn.parser.unreader, Request):
                conn.parser.unreader = Request(conn.sock)
            conn.parser.unreader.begin()
            return super().handle(conn)
        finally:
            self.busy.leave(conn.source)


def ssl_context(config: Any, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:  # noqa: ARG001
    """Return TLS 1.3 alone. Called for each connection: a renewed certificate is used at once."""
    context = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
