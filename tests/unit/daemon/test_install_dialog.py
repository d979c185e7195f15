# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may install at the console: anybody while the router has no owner, then nobody but the owner."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import argon2
import pytest

from patronus.core.files import SECRETS
from patronus.daemon import door
from patronus.daemon.door import Door
from patronus.daemon.install_dialog import CLOSED, RESTART, SWITCH_OFF, Dialog, talk
from patronus.kernel.host import Places
from patronus.secrets.accounts import AccountStore
from patronus.secrets.keyring import RECOVERY, Keyring, MasterKey, wrap
from patronus.secrets.password.service import PasswordService
from patronus.secrets.register import Account, Register
from patronus.secrets.stretch import Stretching

PASSWORD = "correct horse battery"


class Talk:
    """A talk that is had as soon as somebody is let in."""

    had = False

    def go(self) -> tuple[str, ...]:
        self.had = True
        return SWITCH_OFF


def come(places: Places, *typed: str) -> tuple[tuple[str, ...], bool, list[str]]:
    """Return the command that comes after it, whether somebody was let in, and what was said."""
    lines, dialog = list(typed), Talk()
    said: list[str] = []
    command = talk(Door.of(places), cast(Dialog, dialog), lambda _: lines.pop(0), said.append)
    assert lines == []
    return command, dialog.had, said


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setattr(door, "WRONG_S", 0.0)
    return Places.below(tmp_path)


def set_up(places: Places, **given: object) -> None:
    """Give the router an administrator, or what is given in his place."""
    cheap = str(argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD))
    account = Account(name="anna", role="admin", password=cheap).model_copy(update=given)
    AccountStore(places.state / "accounts" / "accounts.json").keep(Register(accounts=(account,), set_up=True))


def test_a_stick_as_it_was_flashed_asks_for_no_password(places: Places) -> None:
    assert come(places) == (SWITCH_OFF, True, [])


def test_a_router_with_an_owner_asks_for_the_password_until_it_comes(places: Places) -> None:
    set_up(places)
    assert come(places, "", "overwrite", PASSWORD) == (SWITCH_OFF, True, ["That is none of them."] * 2)


@pytest.mark.parametrize("given", [{"disabled": True}, {"role": "viewer"}])
def test_a_router_whose_owner_has_no_way_in_installs_nothing(
    places: Places, given: dict[str, object]
) -> None:
    set_up(places, **given)
    assert come(places, PASSWORD) == (RESTART, False, [CLOSED])


@pytest.mark.parametrize("content", [b"\0\0", b"{}", b""])
def test_damaged_accounts_are_not_those_of_a_new_router(places: Places, content: bytes) -> None:
    (places.state / "accounts").mkdir(parents=True)
    (places.state / "accounts/accounts.json").write_bytes(content)
    assert come(places, "") == (RESTART, False, [CLOSED])


def test_a_vault_with_a_recovery_password_has_an_owner_also_without_accounts(places: Places) -> None:
    folder, how = places.config / SECRETS, Stretching.fresh()
    folder.mkdir(parents=True)
    key = PasswordService().stretch(PASSWORD, how)
    (folder / RECOVERY).write_bytes(wrap(Keyring((MasterKey.fresh(),)), how, key))
    assert come(places, "wrong", PASSWORD) == (SWITCH_OFF, True, ["That is none of them."])
