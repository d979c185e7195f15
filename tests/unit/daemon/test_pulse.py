# SPDX-License-Identifier: GPL-2.0-or-later
"""The pulse is heard only while changes get on and the door opens."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patronus.core.varlink import Message
from patronus.daemon.peer import Peer
from patronus.daemon.pulse import Pulse, keep_pulse, opens
from patronus.daemon.server import Server
from patronus.daemon.slots import Slots
from patronus.kernel.notify import watchdog_s

PERIOD_S = 0.2


def silence(peer: Peer, method: str, parameters: dict[str, Any]) -> Iterator[Message]:
    yield {"parameters": {}}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "patronus.sock"
    server = Server(place, silence)
    server.start()
    yield place
    server.stop()


def test_all_is_well_while_changes_get_on_and_the_door_opens(door: Path) -> None:
    assert Pulse(lambda _s: True, door, PERIOD_S).ailment() is None


def test_a_change_that_hangs_is_an_ailment(door: Path) -> None:
    said = Pulse(lambda _s: False, door, PERIOD_S).ailment()
    assert said is not None
    assert "a change hangs" in said


def test_a_door_that_nobody_opens_is_an_ailment(tmp_path: Path) -> None:
    place = tmp_path / "patronus.sock"
    assert not opens(place, PERIOD_S), "no socket at all"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        assert not opens(place, PERIOD_S), "nobody listens"
        listener.listen(4)
        assert not opens(place, PERIOD_S), "somebody listens and never accepts"
        said = Pulse(lambda _s: True, place, PERIOD_S).ailment()
        assert said is not None
        assert "nobody answers" in said


def test_a_house_full_of_guests_is_no_ailment(door: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slots, "take", lambda _slots, _uid: False)
    assert opens(door, 5.0)


def test_the_pulse_reaches_the_manager(door: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", str(int(PERIOD_S * 4e6)))
        pulse = keep_pulse(lambda _s: True, door)
        assert pulse is not None
        assert manager.recv(100) == b"WATCHDOG=1"
        pulse.stop()


def test_nobody_beats_where_nobody_listens(door: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert keep_pulse(lambda _s: True, door) is None
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    assert watchdog_s() == 2.0
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))  # it is somebody else who is watched
    assert watchdog_s() is None
