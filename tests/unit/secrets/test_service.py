# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from patronus.core.errors import (
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    TooManyRequests,
)
from patronus.core.verb import Caller, Role
from patronus.kernel.host import Places
from patronus.secrets.password import hash as argon2id
from patronus.secrets.service import Doorkeeper
from patronus.secrets.sessions import IDLE_S
from tests.unit.secrets.conftest import CHEAP, GOOD, MovableClock, Start

WEB = Caller("patronus-web", Role.NONE, "web 192.0.2.10")
OTHER = Caller("patronus-web", Role.NONE, "web 192.0.2.66")


def ready(doorkeeper: Doorkeeper) -> str:
    """Set the router up; return the administrator's token."""
    assert doorkeeper.way_in.fresh_code is not None
    return doorkeeper.set_up(WEB, doorkeeper.way_in.fresh_code, "admin", GOOD)[0]


def test_set_up_makes_an_administrator_and_closes_for_ever(start: Start, places: Places) -> None:
    doorkeeper = start()
    code = doorkeeper.way_in.fresh_code or ""
    assert doorkeeper.way_in.reason == "new"
    caller = doorkeeper.authenticate(ready(doorkeeper), WEB.origin)
    assert (caller.name, caller.role, caller.remote) == ("admin", Role.ADMIN, True)
    for keeper in (doorkeeper, start()):
        assert keeper.way_in.reason is None
        with pytest.raises(Conflict):
            keeper.set_up(WEB, code, "second", GOOD)
    assert start().way_in.fresh_code is None
    everything = b"".join(path.read_bytes() for path in places.state.rglob("*") if path.is_file())
    assert code.encode() not in everything
    assert GOOD.encode() not in everything


def test_the_wrong_code_makes_nothing_and_slows_down(start: Start, clock: MovableClock) -> None:
    """Only its source: a hundred random bits need no more, and nobody can keep the owner waiting."""
    doorkeeper = start()
    waits = []
    for _ in range(7):
        try:
            doorkeeper.set_up(WEB, "0000-0000-0000-0000-0000", "admin", GOOD)
        except NotPermitted:
            waits.append(0.0)
        except TooManyRequests as error:
            waits.append(error.retry_after_s)
            clock.now += error.retry_after_s
    assert waits == [0, 0, 0, 0, 0, 1, 0]
    assert doorkeeper.set_up(OTHER, doorkeeper.way_in.fresh_code or "", "admin", GOOD)


def test_a_restart_keeps_the_code_and_a_new_boot_makes_another(start: Start, clock: MovableClock) -> None:
    first = start().way_in.fresh_code or ""
    restarted = start()
    assert restarted.way_in.fresh_code is None
    clock.boot_id = "boot-2"
    second = start()
    assert second.way_in.fresh_code not in (None, first)
    with pytest.raises(NotPermitted):
        second.set_up(WEB, first, "admin", GOOD)
    ready(second)


def test_a_password_given_with_the_machine_needs_no_code(start: Start) -> None:
    doorkeeper = start(GOOD + "\n")
    assert doorkeeper.way_in.reason is None
    assert doorkeeper.log_in(WEB, "admin", GOOD)[2].role == "admin"
    assert start("another good password").log_in(WEB, "admin", GOOD)
    with pytest.raises(NotAuthenticated):
        doorkeeper.log_in(WEB, "admin", "another good password")


def test_a_hash_given_with_the_machine_is_taken(start: Start) -> None:
    assert start(argon2id.make(GOOD)).log_in(WEB, "admin", GOOD)


def test_a_refused_credential_leaves_set_up_by_code(start: Start) -> None:
    doorkeeper = start("weak")
    assert doorkeeper.way_in.reason == "new"
    with pytest.raises(NotAuthenticated):
        doorkeeper.log_in(WEB, "admin", "weak")
    ready(doorkeeper)


def test_log_in_needs_name_and_password_and_does_not_say_which_is_wrong(start: Start) -> None:
    doorkeeper = start(CHEAP)
    messages = set()
    for name, password in (("admin", "wrong password"), ("nobody", GOOD), ("", ""), ("root", "")):
        with pytest.raises(NotAuthenticated) as refused:
            doorkeeper.log_in(WEB, name, password)
        messages.add(str(refused.value))
    assert len(messages) == 1
    assert doorkeeper.log_in(WEB, "admin", GOOD)


def test_guessing_slows_down_per_account_and_per_source(start: Start, clock: MovableClock) -> None:
    doorkeeper = start(CHEAP)
    for _ in range(5):
        with pytest.raises(NotAuthenticated):
            doorkeeper.log_in(WEB, "admin", "wrong password")
    for caller, name in ((WEB, "admin"), (OTHER, "admin"), (WEB, "nobody")):
        with pytest.raises(TooManyRequests):
            doorkeeper.log_in(caller, name, GOOD)
    with pytest.raises(NotAuthenticated):
        doorkeeper.log_in(OTHER, "nobody", GOOD)
    clock.now += 1
    assert doorkeeper.log_in(WEB, "admin", GOOD)


def test_sessions_survive_the_daemon_and_not_the_boot(start: Start, clock: MovableClock) -> None:
    token = start(CHEAP).log_in(WEB, "admin", GOOD)[0]
    assert start().authenticate(token, WEB.origin).name == "admin"
    clock.boot_id = "boot-2"
    with pytest.raises(NotAuthenticated):
        start().authenticate(token, WEB.origin)


def test_use_prolongs_a_session_over_a_restart(start: Start, clock: MovableClock) -> None:
    doorkeeper = start(CHEAP)
    token = doorkeeper.log_in(WEB, "admin", GOOD)[0]
    clock.now += IDLE_S - 1
    doorkeeper.authenticate(token, WEB.origin)
    clock.now += IDLE_S - 1
    start().authenticate(token, WEB.origin)
    clock.now += IDLE_S
    with pytest.raises(NotAuthenticated):
        start().authenticate(token, WEB.origin)


def test_log_out_ends_the_session_at_once_and_no_other(start: Start) -> None:
    doorkeeper = start(CHEAP)
    one, two = (doorkeeper.log_in(WEB, "admin", GOOD)[0] for _ in range(2))
    doorkeeper.passes.end(doorkeeper.authenticate(one, WEB.origin).session or "")
    for keeper in (doorkeeper, start()):
        with pytest.raises(NotAuthenticated):
            keeper.authenticate(one, WEB.origin)
        keeper.authenticate(two, WEB.origin)


def test_a_new_password_ends_the_other_sessions(start: Start) -> None:
    doorkeeper = start(CHEAP)
    mine, stolen = (doorkeeper.log_in(WEB, "admin", GOOD)[0] for _ in range(2))
    caller = doorkeeper.authenticate(mine, WEB.origin)
    with pytest.raises(NotAuthenticated):
        doorkeeper.change_password(caller, "not the old one", "another good password")
    doorkeeper.change_password(caller, GOOD, "another good password")
    doorkeeper.authenticate(mine, WEB.origin)
    with pytest.raises(NotAuthenticated):
        doorkeeper.authenticate(stolen, WEB.origin)
    with pytest.raises(NotAuthenticated):
        doorkeeper.log_in(WEB, "admin", GOOD)
    doorkeeper.log_in(WEB, "admin", "another good password")


def test_accounts_come_and_go_with_their_sessions(start: Start) -> None:
    doorkeeper = start(CHEAP)
    doorkeeper.registrar.add("bert", "viewer", GOOD)
    token = doorkeeper.log_in(WEB, "bert", GOOD)[0]
    assert doorkeeper.authenticate(token, WEB.origin).role is Role.VIEWER
    with pytest.raises(Conflict):
        doorkeeper.registrar.add("bert", "admin", GOOD)
    assert [account.name for account in start().registrar.accounts()] == ["admin", "bert"]
    doorkeeper.registrar.remove("bert")
    for keeper in (doorkeeper, start()):
        with pytest.raises(NotAuthenticated):
            keeper.authenticate(token, WEB.origin)
        with pytest.raises(NotFound):
            keeper.registrar.remove("bert")


def test_the_last_administrator_stays_enabled_and_in_office(start: Start) -> None:
    doorkeeper = start(CHEAP)
    keep = doorkeeper.registrar
    keep.add("bert", "operator", GOOD)
    keep.add("clara", "admin", GOOD)
    keep.disable("clara")
    last = "last administrator"
    with pytest.raises(Conflict, match=last):
        keep.remove("admin")
    with pytest.raises(Conflict, match=last):
        keep.disable("admin")
    with pytest.raises(Conflict, match=last):
        keep.change_role("admin", "operator")
    keep.enable("clara")
    keep.change_role("admin", "viewer")
    assert [(one.name, one.role) for one in start().registrar.accounts()] == [
        ("admin", "viewer"), ("bert", "operator"), ("clara", "admin"),
    ]  # fmt: skip


def test_a_new_role_counts_from_the_next_call(start: Start) -> None:
    doorkeeper = start(CHEAP)
    doorkeeper.registrar.add("bert", "operator", GOOD)
    token = doorkeeper.log_in(WEB, "bert", GOOD)[0]
    doorkeeper.registrar.change_role("bert", "viewer")
    assert doorkeeper.authenticate(token, WEB.origin).role is Role.VIEWER
    with pytest.raises(InvalidRequest, match="viewer, operator, admin"):
        doorkeeper.registrar.change_role("bert", "king")


def test_who_is_disabled_is_out_at_once_and_comes_back_enabled(start: Start) -> None:
    doorkeeper = start(CHEAP)
    doorkeeper.registrar.add("bert", "operator", GOOD)
    token = doorkeeper.log_in(WEB, "bert", GOOD)[0]
    api = doorkeeper.bearers.add("bert", "backup", "viewer", 600)[0]
    doorkeeper.registrar.disable("bert")
    for shown in (token, api):
        with pytest.raises(NotAuthenticated):
            doorkeeper.authenticate(shown, WEB.origin)
    with pytest.raises(NotPermitted, match="disabled"):
        doorkeeper.log_in(WEB, "bert", GOOD)
    with pytest.raises(NotAuthenticated):
        doorkeeper.log_in(WEB, "bert", "the wrong password")
    doorkeeper.registrar.enable("bert")
    assert doorkeeper.authenticate(api, WEB.origin).name == "bert/backup"
    with pytest.raises(NotAuthenticated):
        doorkeeper.authenticate(token, WEB.origin)
    assert doorkeeper.log_in(WEB, "bert", GOOD)


def test_many_addresses_do_not_keep_the_owner_out_from_where_they_were_before(
    start: Start, clock: MovableClock
) -> None:
    """And they do slow down everybody else: without that, guessing would be free. It outlives a restart."""
    start(CHEAP).log_in(WEB, "admin", GOOD)
    doorkeeper = start()
    for number in range(6):
        stranger = Caller("patronus-web", Role.NONE, f"web 192.0.2.{100 + number}")
        with pytest.raises((NotAuthenticated, TooManyRequests)):
            doorkeeper.log_in(stranger, "admin", "wrong password")
    with pytest.raises(TooManyRequests):
        doorkeeper.log_in(OTHER, "admin", GOOD)
    assert doorkeeper.log_in(WEB, "admin", GOOD)


def test_a_source_that_is_known_is_slowed_down_by_its_own_guesses(start: Start) -> None:
    doorkeeper = start(CHEAP)
    doorkeeper.log_in(WEB, "admin", GOOD)
    for _ in range(5):
        with pytest.raises(NotAuthenticated):
            doorkeeper.log_in(WEB, "admin", "wrong password")
    with pytest.raises(TooManyRequests):
        doorkeeper.log_in(WEB, "admin", GOOD)
    assert doorkeeper.log_in(OTHER, "admin", GOOD)


def test_weak_passwords_and_empty_roles_are_refused_everywhere(start: Start) -> None:
    doorkeeper = start()
    with pytest.raises(InvalidRequest):
        doorkeeper.set_up(WEB, doorkeeper.way_in.fresh_code or "", "admin", "short")
    ready(doorkeeper)
    with pytest.raises(InvalidRequest):
        doorkeeper.registrar.add("bert", "viewer", "short")
    with pytest.raises(InvalidRequest):
        doorkeeper.registrar.set_password("admin", "short")
    with pytest.raises(InvalidRequest):
        doorkeeper.registrar.add("bert", "none", GOOD)


def test_damaged_sessions_end_and_the_accounts_stay(start: Start, places: Places) -> None:
    token = start(CHEAP).log_in(WEB, "admin", GOOD)[0]
    (places.run / "sessions.json").write_text('{"boot_id": "boot-1", "sess')
    doorkeeper = start()
    with pytest.raises(NotAuthenticated):
        doorkeeper.authenticate(token, WEB.origin)
    assert doorkeeper.log_in(WEB, "admin", GOOD)


def test_the_files_are_for_their_owner_alone(start: Start, places: Places) -> None:
    start(CHEAP).log_in(WEB, "admin", GOOD)
    files = [places.state / "accounts" / "accounts.json", places.run / "sessions.json"]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600, 0o600]
