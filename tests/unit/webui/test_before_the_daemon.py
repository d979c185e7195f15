# SPDX-License-Identifier: GPL-2.0-or-later
"""The page's process starts beside patronusd: it loads what is seen first, and waits for its certificate."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from patronus.client import Client
from patronus.core.bus import Bus
from patronus.core.role import COMING_IN, Role
from patronus.daemon.event_stream import EventStream
from patronus.daemon.reception import Reception
from patronus.daemon.server import Server
from patronus.daemon.table import VerbTable
from patronus.kernel.host import Places
from patronus.secrets.entry_verbs import EntryVerbs
from patronus.secrets.password.service import PasswordService
from patronus.secrets.service import create
from tests.unit.secrets.conftest import Box, MovableClock
from webui.app import create_app

server = pytest.importorskip("webui.server", exc_type=ImportError)


def test_it_waits_for_the_certificate_with_its_templates_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "certfile", str(tmp_path / "tls.crt"))
    monkeypatch.setattr(server, "keyfile", str(tmp_path / "tls.key"))
    app = create_app(tmp_path / "nobody")
    arbiter = SimpleNamespace(app=SimpleNamespace(wsgi=lambda: app))
    starting = threading.Thread(target=server.on_starting, args=(arbiter,), daemon=True)
    starting.start()
    (tmp_path / "tls.key").touch()
    starting.join(3 * server.LOOK_S)
    assert starting.is_alive(), "it did not wait for the certificate"
    (tmp_path / "tls.crt").touch()
    starting.join(60)
    assert not starting.is_alive()
    assert app.jinja_env.cache is not None
    assert {key[1] for key in app.jinja_env.cache} >= set(server.FIRST_SEEN)


def test_what_the_first_visitor_sees_is_there() -> None:
    app = create_app("/nobody")
    assert set(server.FIRST_SEEN) <= set(app.jinja_env.list_templates())


class _Silent:
    def append(self, *_: Any, **__: Any) -> None:
        """Write nothing."""


def test_who_comes_before_the_verbs_are_there_sees_the_set_up(tmp_path: Path) -> None:
    places = Places(state=tmp_path / "state", run=tmp_path / "run")
    doorkeeper = create(places, MovableClock(), Box(), PasswordService())
    table = VerbTable(EntryVerbs(doorkeeper).verbs(), doorkeeper.authenticate, _Silent())
    open_to_all = {verb.name for verb in table.verbs() if verb.role is Role.NONE}
    assert open_to_all == set(COMING_IN)
    reception = Reception(doorkeeper, table, EventStream(Bus()))
    door = Server(tmp_path / "door", reception.answer)
    door.start()
    described: list[object] = []

    def describe() -> None:
        with Client(tmp_path / "door") as client:
            described.append(client.describe())

    asking = threading.Thread(target=describe, daemon=True)
    asking.start()
    visitor = create_app(tmp_path / "door").test_client()
    first = visitor.get("/", base_url="https://router")
    page = visitor.get(first.location, base_url="https://router")
    assert (page.status_code, "code" in page.text) == (200, True)
    assert described == []
    assert asking.is_alive()
    door.stop()
