# SPDX-License-Identifier: GPL-2.0-or-later
"""The way back in by who is at the machine: open in need, for the console's code alone, and then closed."""

from __future__ import annotations

import pytest

from patronus.core.errors import Conflict, NotAuthenticated, NotPermitted, StorageError
from patronus.core.verb import Caller, Role
from patronus.kernel.host import Places
from tests.unit.secrets.conftest import CHEAP, GOOD, MovableClock, Start

WEB = Caller("patronus-web", Role.NONE, "web 192.0.2.10")
NEW = "another good password"


def damages(whole: str) -> list[str]:
    """Return texts that no accounts file is."""
    return [
        whole[:-20], "", "[]", "{}", "null", "\0" * len(whole), whole.replace('"admin"', '"king"', 2),
        whole.replace('"name"', '"nom"'), "[" * 9000, whole.replace('_version": 2', '_version": 3'),
    ]  # fmt: skip


def test_damaged_accounts_open_nothing_but_set_up_by_the_consoles_code(
    start: Start, places: Places, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    token = start(CHEAP).log_in(WEB, "admin", GOOD)[0]
    file = places.state / "accounts" / "accounts.json"
    whole = file.read_text()
    for number, damaged in enumerate(damages(whole)):
        file.write_text(damaged)
        clock.boot_id = f"boot-{number}"
        caplog.clear()
        keeper = start()
        assert "accounts.json" in caplog.text and "nobody can log in" in caplog.text
        assert "$argon2" not in caplog.text
        assert keeper.way_in.reason == "damaged"
        with pytest.raises(NotAuthenticated):
            keeper.authenticate(token, "x")
        with pytest.raises(NotPermitted):
            keeper.set_up(WEB, "0000-0000-0000-0000-0000", "admin", NEW)
        assert file.read_text() == damaged
    with pytest.raises(NotAuthenticated):
        keeper.log_in(WEB, "admin", GOOD)
    code = keeper.way_in.fresh_code or ""
    assert start().way_in.fresh_code is None
    start().set_up(WEB, code, "owner", NEW)
    assert file.with_name("accounts.json.corrupt").read_text() == damaged
    after = start()
    assert after.way_in.reason is None
    assert [account.name for account in after.registrar.accounts()] == ["owner"]
    with pytest.raises(Conflict):
        after.set_up(WEB, code, "second", NEW)


def test_root_can_add_an_account_beside_damage_and_that_closes_set_up(start: Start, places: Places) -> None:
    start(CHEAP)
    file = places.state / "accounts" / "accounts.json"
    file.write_text("damage")
    keeper = start()
    keeper.registrar.add("root-made", "admin", GOOD)
    assert start().way_in.reason is None
    assert start().log_in(WEB, "root-made", GOOD)
    assert file.with_name("accounts.json.corrupt").read_text() == "damage"


def test_a_code_that_was_shown_before_opens_no_later_set_up(start: Start, places: Places) -> None:
    """Root made the first account in the boot in which the code was shown; the file is damaged after."""
    first = start()
    code = first.way_in.fresh_code or ""
    first.registrar.add("root-made", "admin", GOOD)
    (places.state / "accounts" / "accounts.json").write_text("damage")
    keeper = start()
    assert keeper.way_in.fresh_code not in (None, code)
    with pytest.raises(NotPermitted):
        keeper.set_up(WEB, code, "admin", NEW)


def test_whole_accounts_open_nothing(start: Start) -> None:
    start(CHEAP)
    for keeper in (start(), start(NEW)):
        assert keeper.way_in.reason is None and keeper.way_in.fresh_code is None
        with pytest.raises(Conflict):
            keeper.set_up(WEB, "0000-0000-0000-0000-0000", "admin", NEW)


def test_a_reset_that_was_asked_for_needs_the_code_and_counts_once(
    start: Start, places: Places, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Who was in before is out with its end, and not with its beginning."""
    first = start(CHEAP)
    first.registrar.add("bert", "viewer", GOOD)
    api = first.bearers.add("bert", "backup", "viewer", 600)[0]
    keeper = start(reset="lost on monday")
    assert keeper.way_in.reason == "reset" and "reset-accounts was given" in caplog.text
    assert keeper.log_in(WEB, "admin", GOOD)
    code = keeper.way_in.fresh_code or ""
    token = keeper.set_up(WEB, code, "owner", NEW)[0]
    for later in (keeper, start(reset="lost on monday")):
        assert later.way_in.reason is None
        assert later.authenticate(token, WEB.origin).name == "owner"
        with pytest.raises(NotAuthenticated):
            later.log_in(WEB, "admin", GOOD)
        with pytest.raises(NotAuthenticated):
            later.authenticate(api, "x")
    assert (places.state / "accounts" / "accounts.json.before-reset").exists()
    clock.boot_id = "boot-2"
    assert start(reset="lost on friday").way_in.fresh_code not in (None, code)
    assert start().way_in.reason is None


def test_a_reset_with_a_password_needs_no_code(start: Start) -> None:
    start(CHEAP)
    keeper = start(NEW, reset="x")
    assert keeper.way_in.reason is None
    assert keeper.log_in(WEB, "admin", NEW)
    with pytest.raises(NotAuthenticated):
        keeper.log_in(WEB, "admin", GOOD)


def test_the_code_of_another_boot_opens_nothing_and_is_not_kept_in_clear(
    start: Start, places: Places, clock: MovableClock
) -> None:
    code = start().way_in.fresh_code or ""
    kept = (places.run / "set-up-code.json").read_text()
    assert code not in kept and code.replace("-", "") not in kept
    assert (places.run / "set-up-code.json").stat().st_mode & 0o777 == 0o600
    clock.boot_id = "boot-2"
    with pytest.raises(NotPermitted):
        start().set_up(WEB, code, "admin", GOOD)


def test_a_disk_that_takes_nothing_keeps_no_router_from_starting(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StorageError("no space left on device")

    for room in ("accounts", "way_in"):
        monkeypatch.setattr(f"patronus.secrets.{room}.write_private", refuse)
    assert start().way_in.reason == start(CHEAP).way_in.reason == "new"
    assert caplog.text.count("set-up cannot begin") == 2
