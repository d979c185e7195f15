# SPDX-License-Identifier: GPL-2.0-or-later
"""Recovery opens for what the owner alone knows, gives a shell then, and nothing to anybody else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import argon2
import pytest

from patronus.core.files import SECRETS
from patronus.daemon.door import SECOND, Door
from patronus.kernel.host import Places
from patronus.secrets.accounts import AccountStore
from patronus.secrets.keyring import RECOVERY, Keyring, MasterKey, wrap
from patronus.secrets.password.service import PasswordService
from patronus.secrets.register import Account, Register, SecondFactor
from patronus.secrets.stretch import Stretching
from patronus.secrets.totp import new_recovery_codes

ADMINS, VIEWERS, LEFT, RECOVERS = (
    "correct horse battery",
    "a viewer's password",
    "one who has left",
    "from the attic",
)
LIMIT_S = 120.0


def cheap(password: str) -> str:
    return str(argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(password))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.below(tmp_path)


@pytest.fixture
def people(places: Places) -> None:
    """Add an administrator, a viewer, and an administrator who is disabled."""
    accounts = (
        Account(name="anna", role="admin", password=cheap(ADMINS)),
        Account(name="vera", role="viewer", password=cheap(VIEWERS)),
        Account(name="lars", role="admin", password=cheap(LEFT), disabled=True),
    )
    store = AccountStore(places.state / "accounts" / "accounts.json")
    store.keep(Register(accounts=accounts, set_up=True))


@pytest.fixture
def vault(places: Places) -> None:
    """Set a recovery password."""
    folder, how = places.config / SECRETS, Stretching.fresh()
    folder.mkdir(parents=True)
    key = PasswordService().stretch(RECOVERS, how)
    (folder / RECOVERY).write_bytes(wrap(Keyring((MasterKey.fresh(),)), how, key))


def nobody_asks(question: str) -> str:
    raise AssertionError(question)


@pytest.mark.usefixtures("people")
def test_an_administrators_password_opens_and_nobody_elses(places: Places) -> None:
    door = Door.of(places)
    assert door.opens(ADMINS, nobody_asks)
    others = (VIEWERS, LEFT, RECOVERS, "", f"{ADMINS} ")
    assert [given for given in others if door.opens(given, nobody_asks)] == []


@pytest.mark.usefixtures("vault")
def test_who_has_a_second_factor_needs_a_recovery_code_as_well(places: Places) -> None:
    codes, kept = new_recovery_codes()
    factor = SecondFactor(last_step=0, recovery=kept[1:])
    anna = Account(name="anna", role="admin", password=cheap(ADMINS), second_factor=factor)
    store = AccountStore(places.state / "accounts" / "accounts.json")
    store.keep(Register(accounts=(anna,), set_up=True))
    door = Door.of(places)
    asked: list[str] = []

    def types(code: str) -> Callable[[str], str]:
        def answers(question: str) -> str:
            asked.append(question)
            return code

        return answers

    assert door.opens(ADMINS, types(codes[1].lower().replace("-", " ")))
    wrong = (codes[0], "", "123456", ADMINS, kept[1])
    assert [code for code in wrong if door.opens(ADMINS, types(code))] == [], "codes[0] was used before"
    assert asked == [SECOND] * 6
    assert not door.opens("not the password", nobody_asks)
    assert door.opens(RECOVERS, nobody_asks), "who can open the vault needs nothing else"


@pytest.mark.usefixtures("vault")
def test_the_vaults_recovery_password_opens_also_where_the_accounts_are_damaged(places: Places) -> None:
    (places.state / "accounts").mkdir(parents=True)
    (places.state / "accounts/accounts.json").write_bytes(b"\0\0")
    door = Door.of(places)
    assert door.opens(RECOVERS, nobody_asks)
    assert not door.opens(ADMINS, nobody_asks)


def test_a_router_that_nobody_has_set_up_is_closed(places: Places) -> None:
    door = Door.of(places)
    assert door.closed
    assert not door.opens("", nobody_asks)


@pytest.mark.usefixtures("people")
def test_at_a_console_it_asks_again_and_then_is_a_shell(places: Places, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    program = [sys.executable, "-m", "patronus.daemon.recover", "--root", str(tmp_path)]
    with subprocess.Popen(
        ["setsid", "--ctty", *program],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "HOME": "/"},
    ) as shell:
        os.close(theirs)
        try:
            _read(ours, "password: ")
            os.write(ours, b"echo $((6*7))\n")
            assert "42" not in _read(ours, "password: ")
            os.write(ours, f"{ADMINS}\n".encode())
            assert ADMINS not in _read(ours, "read-only")
            os.write(ours, b"echo $((6*7)); exit 3\n")
            _read(ours, "42")
            assert shell.wait(LIMIT_S) == 3
        finally:
            shell.kill()
            os.close(ours)


def _read(end: int, text: str) -> str:
    """Read until the text has come; return all that came."""
    said, deadline = "", time.monotonic() + LIMIT_S
    while text not in said:
        assert time.monotonic() < deadline, said
        said += os.read(end, 4096).decode(errors="replace")
    return said
