# SPDX-License-Identifier: GPL-2.0-or-later
"""How gunicorn runs the pages: ``gunicorn --config python:webui.server "webui.app:create_app()"``.

systemd opens the port and hands it in (sd_listen_fds(3)); the process itself needs no network of its own.
One worker, so that the curve of the overview is in one memory; threads, because requests wait for the daemon.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

FOLDER = Path(os.environ.get("PATRONUS_WEB_FOLDER", "/run/patronus-web"))
"""Where patronusd puts the certificate and its key."""

certfile = str(FOLDER / "tls.crt")
keyfile = str(FOLDER / "tls.key")
bind = os.environ.get("PATRONUS_WEB_BIND", "[::]:443")
"""Used where systemd hands in no socket."""
workers = 1
worker_class = "webui.server.Worker"
threads = 12
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


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads, none of which a silent peer can keep: without this a dozen lock everybody out."""

    def handle(self, conn: Any) -> Any:
        """Serve a connection that has something to read."""
        conn.sock.settimeout(SILENCE_S)
        return super().handle(conn)


def ssl_context(config: Any, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:  # noqa: ARG001
    """Return TLS 1.3 alone. Called for each connection: a renewed certificate is used at once."""
    context = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
