# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the one writer gets on can be asked from outside: free, busy with steps, or hanging."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from patronus.core.edit import PutFile
from patronus.core.turn import Turn
from tests.unit.core.router import ADMIN, Router


def test_a_free_turn_gets_on_and_is_free_afterwards() -> None:
    turn = Turn()
    assert turn.gets_on(0.01)
    with turn.taken() as nested:
        assert not nested


def test_a_held_turn_gets_on_only_as_long_as_it_takes_steps() -> None:
    turn, held, go, stepped = Turn(), threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        with turn.taken():
            held.set()
            while not go.wait(0.01):
                if not stepped.is_set():
                    turn.step()

    worker = threading.Thread(target=work)
    worker.start()
    assert held.wait(10)
    assert turn.gets_on(0.5)
    stepped.set()
    assert not turn.gets_on(0.1) or not turn.gets_on(0.1)  # the last step may be under way
    go.set()
    worker.join()
    assert turn.gets_on(0.01)


def test_a_step_of_a_feature_that_hangs_stops_the_engine_and_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = Router(tmp_path)
    hangs, go = threading.Event(), threading.Event()
    engine = router.start()
    assert engine.gets_on(0.01)
    monkeypatch.setattr(router.kernel, "put", _waiting(router.kernel.put, hangs, go))
    change = threading.Thread(
        target=engine.submit, args=([PutFile("zones.yaml", "zones:\n  - id: lan\n  - id: new\n")], ADMIN)
    )
    change.start()
    assert hangs.wait(10)
    assert not engine.gets_on(0.1)
    go.set()
    change.join()
    assert engine.gets_on(0.01)


def _waiting(
    put: Callable[[str, str | None], None], hangs: threading.Event, go: threading.Event
) -> Callable[[str, str | None], None]:
    def slowly(name: str, text: str | None) -> None:
        hangs.set()
        assert go.wait(10)
        put(name, text)

    return slowly
