# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from patronus.core.errors import TooManyRequests, Unavailable
from patronus.secrets.password import service
from patronus.secrets.password.service import QUEUE, PasswordService

GOOD = "correct horse battery"


def test_a_child_makes_and_checks_hashes() -> None:
    passwords = PasswordService()
    stored = passwords.make(GOOD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(stored, GOOD)
    assert not passwords.matches(stored, GOOD + " ")
    assert not passwords.matches("no hash at all", GOOD)


def test_the_queue_is_short_and_who_comes_too_late_is_told_when() -> None:
    passwords = PasswordService()
    stored = passwords.make(GOOD)
    barrier = threading.Barrier(QUEUE + 5)

    def one() -> bool | float:
        barrier.wait()
        try:
            return passwords.matches(stored, GOOD)
        except TooManyRequests as error:
            return error.retry_after_s

    with ThreadPoolExecutor(QUEUE + 5) as pool:
        results = [future.result() for future in [pool.submit(one) for _ in range(QUEUE + 5)]]
    assert results.count(True) == QUEUE + 1
    assert all(result > 0 for result in results)
    assert passwords.matches(stored, GOOD)


def test_a_child_that_fails_tells_nothing_of_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "COMMAND", ("/bin/false",))
    with pytest.raises(Unavailable) as failed:
        PasswordService().make(GOOD)
    assert GOOD not in str(failed.value)
    assert failed.value.__cause__ is None


def eventually(reached: Callable[[], bool]) -> None:
    for _ in range(3000):
        if reached():
            return
        time.sleep(0.01)
    raise AssertionError("the threads did not come so far")


def test_strangers_fill_their_own_queue_and_who_is_known_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child waits until it is let go, so that the order is the queue's and not the clock's."""
    passwords, order = PasswordService(), list[str]()
    gate = threading.Semaphore(0)

    def run(request: dict[str, str]) -> dict[str, bool]:
        gate.acquire()
        order.append(request["check"])
        return {"matches": True}

    monkeypatch.setattr(service, "_run", run)
    callers = [threading.Thread(target=passwords.matches, args=("", "stranger")) for _ in range(QUEUE + 1)]
    for caller in callers:
        caller.start()
    eventually(lambda: passwords._waiting[False] == QUEUE)
    with pytest.raises(TooManyRequests):
        passwords.matches("", "one too many")
    known = threading.Thread(target=passwords.matches, args=("", "owner"), kwargs={"known": True})
    known.start()
    eventually(lambda: passwords._waiting[True] == 1)
    for _ in range(QUEUE + 2):
        gate.release()
    for caller in (*callers, known):
        caller.join()
    assert order == ["stranger", "owner", *["stranger"] * QUEUE]
