# SPDX-License-Identifier: GPL-2.0-or-later
"""The page's process starts beside patronusd: it loads what is seen first, and waits for its certificate."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

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
