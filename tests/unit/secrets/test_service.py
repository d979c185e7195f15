# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from patronus.core.errors import (
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    StorageError,
    TooManyRequests,
)
from patronus.core.verb import Caller, Role
from patronus.kernel.host import Places
from patronus.secrets.password import hash as argon2id
from patronus.secrets.service import Doorkeeper
from patronus.secrets.sessions import IDLE_S
from tests.unit.secrets.conftest import GOOD, MovableClock, Start

WEB = Caller("patronus-web", Role.NONE, "web 192.0.2.10")
OTHER = Caller("patronus-web", Role.NONE, "web 192.0.2.66")


def ready(doorkeeper: Doorkeeper) -> str:
    """Set the router up; return the administrator's token."""
    assert doorkeeper.fresh_setup_code is not None
    return doorkeeper.set_up(WEB, doorkeeper.fresh_setup_code, "admin", GOOD)[0]


def test_set_up_makes_an_administrator_and_closes_for_ever(start: Start, places: Places) -> None:
    doorkeeper = start()
    code = doorkeeper.fresh_setup_code or ""
    assert doorkeeper.setup_needed
    caller = doorkeeper.authenticate(ready(doorkeeper), WEB.origin)
    assert (caller.name, caller.role, caller.remote) == ("admin", Role.ADMIN, True)
    for keeper in (doorkeeper, start()):
        assert not keeper.setup_needed
        with pytest.raises(Conflict):
            keeper.set_up(WEB, code, "second", GOOD)
    assert start().fresh_setup_code is None
    everything = b"".join(path.read_bytes() for path in places.state.rglob("*") if path.is_file())
    assert code.encode() not in everything
    assert GOOD.encode() not in everything


def test_the_wrong_code_makes_nothing_and_slows_down(start: Start, clock: MovableClock) -> None:
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
    assert waits == [0, 0, 0, 1, 0, 2, 0]
    with pytest.raises(TooManyRequests):
        doorkeeper.set_up(OTHER, doorkeeper.fresh_setup_code or "", "admin", GOOD)
    clock.now += 60
    ready(doorkeeper)


def test_a_restart_keeps_the_code_and_a_new_boot_makes_another(start: Start, clock: MovableClock) -> None:
    first = start().fresh_setup_code or ""
    restarted = start()
    assert restarted.fresh_setup_code is None
    clock.boot_id = "boot-2"
    second = start()
    assert second.fresh_setup_code not in (None, first)
    with pytest.raises(NotPermitted):
        second.set_up(WEB, first, "admin", GOOD)
    ready(second)


def test_a_password_given_with_the_machine_needs_no_code(start: Start) -> None:
    doorkeeper = start(GOOD + "\n")
    assert not doorkeeper.setup_needed
    assert doorkeeper.log_in(WEB, "admin", GOOD)[2] is Role.ADMIN
    assert start("another good password").log_in(WEB, "admin", GOOD)
    with pytest.raises(NotAuthenticated):
        doorkeeper.log_in(WEB, "admin", "another good password")


def test_a_hash_given_with_the_machine_is_taken(start: Start) -> None:
    assert start(argon2id.make(GOOD)).log_in(WEB, "admin", GOOD)


def test_a_refused_credential_leaves_set_up_by_code(start: Start) -> None:
    doorkeeper = start("weak")
    assert doorkeeper.setup_needed
    with pytest.raises(NotAuthenticated):
        doorkeeper.log_in(WEB, "admin", "weak")
    ready(doorkeeper)


def test_log_in_needs_name_and_password_and_does_not_say_which_is_wrong(start: Start) -> None:
    doorkeeper = start(GOOD)
    messages = set()
    for name, password in (("admin", "wrong password"), ("nobody", GOOD), ("", ""), ("root", "")):
        with pytest.raises(NotAuthenticated) as refused:
            doorkeeper.log_in(WEB, name, password)
        messages.add(str(refused.value))
    assert len(messages) == 1
    assert doorkeeper.log_in(WEB, "admin", GOOD)


def test_guessing_slows_down_per_account_and_per_source(start: Start, clock: MovableClock) -> None:
    doorkeeper = start(GOOD)
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
    token = start(GOOD).log_in(WEB, "admin", GOOD)[0]
    assert start().authenticate(token, WEB.origin).name == "admin"
    clock.boot_id = "boot-2"
    with pytest.raises(NotAuthenticated):
        start().authenticate(token, WEB.origin)


def test_use_prolongs_a_session_over_a_restart(start: Start, clock: MovableClock) -> None:
    doorkeeper = start(GOOD)
    token = doorkeeper.log_in(WEB, "admin", GOOD)[0]
    clock.now += IDLE_S - 1
    doorkeeper.authenticate(token, WEB.origin)
    clock.now += IDLE_S - 1
    start().authenticate(token, WEB.origin)
    clock.now += IDLE_S
    with pytest.raises(NotAuthenticated):
        start().authenticate(token, WEB.origin)


def test_log_out_ends_the_session_at_once_and_no_other(start: Start) -> None:
    doorkeeper = start(GOOD)
    one, two = (doorkeeper.log_in(WEB, "admin", GOOD)[0] for _ in range(2))
    doorkeeper.log_out(doorkeeper.authenticate(one, WEB.origin))
    for keeper in (doorkeeper, start()):
        with pytest.raises(NotAuthenticated):
            keeper.authenticate(one, WEB.origin)
        keeper.authenticate(two, WEB.origin)


def test_a_new_password_ends_the_other_sessions(start: Start) -> None:
    doorkeeper = start(GOOD)
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
    doorkeeper = start(GOOD)
    doorkeeper.add("bert", Role.VIEWER, GOOD)
    token, _, role = doorkeeper.log_in(WEB, "bert", GOOD)
    assert role is Role.VIEWER
    assert doorkeeper.authenticate(token, WEB.origin).role is Role.VIEWER
    with pytest.raises(Conflict):
        doorkeeper.add("bert", Role.ADMIN, GOOD)
    assert [account.name for account in start().accounts()] == ["admin", "bert"]
    doorkeeper.remove("bert")
    for keeper in (doorkeeper, start()):
        with pytest.raises(NotAuthenticated):
            keeper.authenticate(token, WEB.origin)
        with pytest.raises(NotFound):
            keeper.remove("bert")


def test_the_last_administrator_stays(start: Start) -> None:
    doorkeeper = start(GOOD)
    doorkeeper.add("bert", Role.OPERATOR, GOOD)
    with pytest.raises(Conflict):
        doorkeeper.remove("admin")
    doorkeeper.add("clara", Role.ADMIN, GOOD)
    doorkeeper.remove("admin")


def test_weak_passwords_and_empty_roles_are_refused_everywhere(start: Start) -> None:
    doorkeeper = start()
    with pytest.raises(InvalidRequest):
        doorkeeper.set_up(WEB, doorkeeper.fresh_setup_code or "", "admin", "short")
    ready(doorkeeper)
    with pytest.raises(InvalidRequest):
        doorkeeper.add("bert", Role.VIEWER, "short")
    with pytest.raises(InvalidRequest):
        doorkeeper.set_password("admin", "short")
    with pytest.raises(InvalidRequest):
        doorkeeper.add("bert", Role.NONE, GOOD)


def test_a_damaged_accounts_file_is_named_and_opens_nothing(
    start: Start, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    start(GOOD)
    file = places.state / "accounts" / "accounts.json"
    whole = file.read_text()
    for damaged in (whole[:-20], "[]", "{}", whole.replace('"admin"', '"king"', 2)):
        file.write_text(damaged)
        caplog.clear()
        doorkeeper = start()
        assert "accounts.json" in caplog.text and not doorkeeper.setup_needed
        assert doorkeeper.fresh_setup_code is None
        with pytest.raises(NotAuthenticated):
            doorkeeper.log_in(WEB, "admin", GOOD)
        assert file.read_text() == damaged
    doorkeeper.add("root-made", Role.ADMIN, GOOD)
    assert start().log_in(WEB, "root-made", GOOD)
    assert file.with_name("accounts.json.corrupt").read_text() == damaged


def test_a_disk_that_takes_no_code_keeps_no_router_from_starting(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StorageError("no space left on device")

    monkeypatch.setattr("patronus.secrets.accounts.write_private", refuse)
    assert start().setup_needed and start(GOOD).setup_needed
    assert caplog.text.count("set-up cannot begin") == 2


def test_damaged_sessions_end_and_the_accounts_stay(start: Start, places: Places) -> None:
    token = start(GOOD).log_in(WEB, "admin", GOOD)[0]
    (places.run / "sessions.json").write_text('{"boot_id": "boot-1", "sess')
    doorkeeper = start()
    with pytest.raises(NotAuthenticated):
        doorkeeper.authenticate(token, WEB.origin)
    assert doorkeeper.log_in(WEB, "admin", GOOD)


def test_the_files_are_for_their_owner_alone(start: Start, places: Places) -> None:
    start(GOOD).log_in(WEB, "admin", GOOD)
    files = [places.state / "accounts" / "accounts.json", places.run / "sessions.json"]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600, 0o600]
