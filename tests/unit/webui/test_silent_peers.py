# SPDX-License-Identifier: GPL-2.0-or-later
"""Peers that begin a handshake and fall silent hold no thread of the admin page for long."""

from __future__ import annotations

import socket
from typing import Any

import pytest

server = pytest.importorskip("webui.server", exc_type=ImportError)


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock


def test_a_thread_waits_no_longer_for_a_peer_than_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(server, "SILENCE_S", 0.01)
    monkeypatch.setattr(server.ThreadWorker, "handle", lambda self, conn: conn.sock.recv(1))
    worker: Any = object.__new__(server.Worker)
    with ours, theirs, pytest.raises(TimeoutError):
        worker.handle(Connection(ours))
