# SPDX-License-Identifier: GPL-2.0-or-later
"""The page's process has the daemon describe its verbs while it still starts, and starts without it too."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from patronus.core.varlink import Decoder, Message, encode

server = pytest.importorskip("webui.server", exc_type=ImportError)


def test_the_daemon_is_asked(tmp_path: Path) -> None:
    asked: list[Message] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "door"))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.extend(Decoder().feed(connection.recv(4096)))
                connection.sendall(encode({"parameters": {"verbs": []}}))

        daemon = threading.Thread(target=answer, daemon=True)
        daemon.start()
        server.ask_ahead(tmp_path / "door")
        daemon.join()
    assert [message["method"] for message in asked] == ["io.patronus.system.v1.Describe"]


def test_a_daemon_that_is_not_there_keeps_no_page_away(tmp_path: Path) -> None:
    server.ask_ahead(tmp_path / "nobody")
