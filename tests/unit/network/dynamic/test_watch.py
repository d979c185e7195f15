# SPDX-License-Identifier: GPL-2.0-or-later
"""The watch over neighbours: a daemon that does not answer is no neighbour that went."""

from __future__ import annotations

from typing import Any

import pytest

from patronus.core.bus import Event
from patronus.core.errors import Unavailable
from patronus.network.dynamic import server
from patronus.network.dynamic.server import Watch
from patronus.network.dynamic.verbs import NeighborDown, NeighborUp
from tests.unit.network.dynamic.test_neighbors import DOWN, ISP, UP, planned


class Bgpd:
    """Says one thing after the other; ends the watch after the last."""

    def __init__(self, *says: dict[str, Any] | Unavailable) -> None:
        self._says = list(says)
        self.watch: Watch | None = None

    def ask_json(self, daemon: str, _: str) -> Any:
        assert daemon == "bgpd" and self.watch is not None
        said = self._says.pop(0)
        if not self._says:
            self.watch._ended.set()
        if isinstance(said, Unavailable):
            raise said
        return {"192.0.2.2": said}

    def wrong_passwords(self) -> int:
        return 0


def test_a_session_that_stood_while_its_daemon_was_silent_neither_came_nor_went(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "EVERY_S", 0.001)
    events: list[Event] = []
    silent = Unavailable("bgpd does not answer")
    daemon = Bgpd(DOWN, UP, silent, silent, UP, DOWN, UP)
    daemon.watch = Watch(daemon, events.append)
    daemon.watch.follow(planned(ISP))
    assert daemon.watch._thread is not None
    daemon.watch._thread.join(60)
    daemon.watch.stop()
    assert events == [
        NeighborUp("bgp", "isp"), NeighborDown("bgp", "isp", "it does not answer on TCP port 179"),
        NeighborUp("bgp", "isp"),
    ]  # fmt: skip
