# SPDX-License-Identifier: GPL-2.0-or-later
"""A callback that fails is told and the loop goes on, unless it gets nowhere."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from patronus.kernel.loop import MOST_FAILURES, Loop

A_WHILE_S = 0.01


def fail() -> None:
    raise ValueError("a fault of ours")


def run(loop: Loop) -> None:
    """Run it to its end, in a thread: in the main one it takes the signals."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(loop.run).result(timeout=60)


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_one_that_fails_ends_nothing_and_is_told(loop: Loop) -> None:
    told: list[Exception] = []
    loop.failed = told.append
    loop.call_soon(fail)
    loop.call_later(A_WHILE_S, fail)
    loop.call_later(2 * A_WHILE_S, loop.stop)
    run(loop)
    assert [str(error) for error in told] == ["a fault of ours"] * 2


def test_where_nobody_hears_of_it_the_loop_ends(loop: Loop) -> None:
    loop.call_soon(fail)
    with pytest.raises(ValueError, match="a fault of ours"):
        run(loop)


def test_a_loop_that_only_fails_ends(loop: Loop) -> None:
    """What is ready and fails is ready again at once: rather a new start than a full processor."""
    told: list[Exception] = []
    loop.failed = told.append
    for _ in range(MOST_FAILURES):
        loop.call_soon(fail)
    with pytest.raises(ValueError, match="a fault of ours"):
        run(loop)
    assert len(told) == MOST_FAILURES - 1


def test_one_that_succeeds_in_between_starts_the_count_anew(loop: Loop) -> None:
    told: list[Exception] = []
    loop.failed = told.append
    for _ in range(MOST_FAILURES - 1):
        loop.call_soon(fail)
    loop.call_soon(lambda: None)
    loop.call_soon(fail)
    loop.call_soon(loop.stop)
    run(loop)
    assert len(told) == MOST_FAILURES


def test_what_the_hearer_raises_ends_the_loop(loop: Loop) -> None:
    """A server that cannot go on from its disk starts anew."""
    loop.failed = lambda _: (_ for _ in ()).throw(OSError("no disk"))
    loop.call_soon(fail)
    with pytest.raises(OSError, match="no disk"):
        run(loop)


def test_a_socket_that_is_given_up_while_it_rests_is_left_alone(loop: Loop) -> None:
    here, there = socket.socketpair()
    with here, there:
        loop.on_readable(here, fail)
        loop.rest(here, A_WHILE_S)
        loop.forget(here)
        there.send(b"too late")
        loop.call_later(3 * A_WHILE_S, loop.stop)
        run(loop)


def test_a_socket_that_rests_hears_nothing_until_it_is_over(loop: Loop) -> None:
    """Told by the order of what happens, not by a clock."""
    here, there = socket.socketpair()
    order: list[str] = []

    def read() -> None:
        order.append(here.recv(16).decode())
        if len(order) == 1:
            loop.rest(here, A_WHILE_S)
            there.send(b"second")
            loop.call_later(A_WHILE_S / 2, lambda: order.append("half of it"))
        else:
            loop.stop()

    with here, there:
        loop.on_readable(here, read)
        there.send(b"first")
        run(loop)
    assert order == ["first", "half of it", "second"]
