# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json

from patronus.secrets.sessions import IDLE_S, LONGEST_S, MOST_SESSIONS, Sessions


def test_a_token_opens_its_session_and_nothing_else_does() -> None:
    sessions = Sessions()
    token, session = sessions.begin("anna", "local", 0.0)
    found = sessions.use(token, 1.0)
    assert found is not None
    assert (found.account, found.identifier) == ("anna", session.identifier)
    for wrong in (token[:-1], token + "x", "", session.identifier, session.digest):
        assert sessions.use(wrong, 1.0) is None


def test_tokens_are_256_bits_and_are_not_kept() -> None:
    sessions = Sessions()
    tokens = {sessions.begin(f"a{number}", "local", 0.0)[0] for number in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)
    kept = json.dumps(sessions.as_data())
    assert not any(token in kept for token in tokens)


def test_a_session_ends_when_idle_and_use_prolongs_it() -> None:
    sessions = Sessions()
    used, _ = sessions.begin("anna", "local", 0.0)
    idle, _ = sessions.begin("anna", "local", 0.0)
    assert sessions.use(used, IDLE_S - 1) is not None
    assert sessions.use(used, IDLE_S + 1) is not None
    assert sessions.use(idle, IDLE_S + 1) is None


def test_a_session_ends_however_much_it_is_used() -> None:
    sessions = Sessions()
    token, _ = sessions.begin("anna", "local", 0.0)
    now = 0.0
    while now + IDLE_S / 2 < LONGEST_S:
        now += IDLE_S / 2
        assert sessions.use(token, now) is not None
    assert sessions.use(token, LONGEST_S) is None


def test_ended_sessions_end_alone() -> None:
    sessions = Sessions()
    one, first = sessions.begin("anna", "local", 0.0)
    two, second = sessions.begin("anna", "local", 0.0)
    three, _ = sessions.begin("bert", "local", 0.0)
    sessions.end(first.identifier)
    assert sessions.use(one, 1.0) is None
    assert sessions.use(two, 1.0) is not None
    four, _ = sessions.begin("anna", "local", 0.0)
    sessions.end_all("anna", but=second.identifier)
    assert sessions.use(four, 1.0) is None
    assert sessions.use(two, 1.0) is not None
    assert sessions.use(three, 1.0) is not None


def test_one_account_cannot_fill_the_memory() -> None:
    sessions = Sessions()
    oldest, _ = sessions.begin("anna", "local", 0.0)
    other, _ = sessions.begin("bert", "local", 0.0)
    for number in range(MOST_SESSIONS):
        newest, _ = sessions.begin("anna", "local", 1.0 + number)
    assert sessions.use(oldest, 100.0) is None
    assert sessions.use(newest, 100.0) is not None
    assert sessions.use(other, 100.0) is not None
    assert len(sessions.as_data()) == MOST_SESSIONS + 1


def test_sessions_come_back_from_data() -> None:
    sessions = Sessions()
    token, _ = sessions.begin("anna", "web 192.0.2.1", 5.0)
    again = Sessions.from_data(json.loads(json.dumps(sessions.as_data())))
    assert again.use(token, 6.0) == sessions.use(token, 6.0)
