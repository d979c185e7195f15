# SPDX-License-Identifier: GPL-2.0-or-later
"""A router is reset for its owner, who names it and shows a password; afterwards it says so, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import argon2
import pytest

from patronus.core.audit import AuditLog
from patronus.core.errors import InvalidRequest, KernelError, NotAuthenticated, NotPermitted
from patronus.core.verb import Caller, Role
from patronus.daemon.factory_reset import UNIT, FactoryReset, FactoryResetVerbs
from patronus.daemon.integrity import RESET, reset_notices
from patronus.kernel.clock import SystemClock
from patronus.kernel.host import Places
from patronus.kernel.units import Units
from patronus.secrets import service
from patronus.secrets.password.service import PasswordService
from patronus.secrets.register import Account, SecondFactor
from patronus.secrets.service import Doorkeeper

GOOD = "correct horse battery"
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(GOOD)
ROOT = Caller("root", Role.ADMIN)
ANNA = Caller("anna", Role.ADMIN, "web 192.0.2.10", session="s-1")
TOKEN = Caller("anna/backup", Role.ADMIN, "web 192.0.2.10", token="t-1")

Ask = Callable[..., None]


@pytest.fixture
def doorkeeper(tmp_path: Path) -> Doorkeeper:
    places = Places.below(tmp_path)
    places.run.mkdir(parents=True)
    made = service.create(places, SystemClock(), cast(Any, {}), PasswordService())
    account = Account(name="anna", role="admin", password=CHEAP)
    made._store.keep(made._store.register.with_new(account))
    return made


@pytest.fixture
def ask(doorkeeper: Doorkeeper, done: list[str]) -> Ask:
    """Call the verb."""
    units = SimpleNamespace(start=done.append, reboot=lambda: done.append("reboot"))
    verbs = FactoryResetVerbs(cast(Units, units), doorkeeper, lambda: "attic")

    def call(caller: Caller, **given: str) -> None:
        verbs.reset(caller, FactoryReset(**{"hostname": "attic", **given}))

    return call


@pytest.fixture
def done() -> list[str]:
    return []


def test_root_names_the_router_and_a_person_shows_the_password_too(ask: Ask, done: list[str]) -> None:
    ask(ROOT)
    ask(ANNA, password=GOOD)
    assert done == [UNIT, "reboot"] * 2


@pytest.mark.parametrize(
    ("caller", "given", "refusal"),
    [
        (ROOT, {"hostname": "cellar"}, InvalidRequest),
        (ROOT, {"hostname": ""}, InvalidRequest),
        (ANNA, {}, NotAuthenticated),
        (ANNA, {"password": f"{GOOD}!"}, NotAuthenticated),
        (TOKEN, {"password": GOOD}, NotPermitted),
    ],
)
def test_without_name_or_password_and_by_a_token_nothing_is_done(
    ask: Ask, done: list[str], caller: Caller, given: dict[str, str], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        ask(caller, **given)
    assert done == []


def test_where_there_is_a_second_factor_it_is_asked_for(
    ask: Ask, done: list[str], doorkeeper: Doorkeeper
) -> None:
    store = doorkeeper._store
    account = store.register.account("anna")
    factor = SecondFactor(last_step=0, recovery=())
    store.keep(store.register.with_changed(account.model_copy(update={"second_factor": factor})))
    for given in ({}, {"code": "AAAA-BBBB-CCCC"}):
        with pytest.raises(NotAuthenticated, match="code"):
            ask(ANNA, password=GOOD, **given)
    assert done == []


def test_a_firmware_without_memory_is_told_and_nothing_restarts(doorkeeper: Doorkeeper) -> None:
    def refuse(unit: str) -> None:
        raise KernelError(f"{unit} failed")

    units = cast(Units, SimpleNamespace(start=refuse))  # one that is asked to restart would fail otherwise
    with pytest.raises(KernelError, match="nothing was done. The boot menu"):
        FactoryResetVerbs(units, doorkeeper, lambda: "attic").reset(ROOT, FactoryReset(hostname="attic"))


def test_a_new_state_says_that_it_was_reset_and_why_and_audits_it_once(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    log = AuditLog(tmp_path / "log/audit.log", SystemClock())
    assert reset_notices(tmp_path, log) == []
    (tmp_path / RESET).parent.mkdir()
    (tmp_path / RESET).write_text("1795690822 asked for at the console\n")
    (said,) = reset_notices(tmp_path, log)
    assert "reset to its factory state on 2026-11-26 11:00 UTC (asked for at the console)" in said
    assert log.head.number == 1
    assert '"system.FactoryReset"' in (tmp_path / "log/audit.log").read_text()
    assert reset_notices(tmp_path, AuditLog(tmp_path / "log/audit.log", SystemClock())) == []


@pytest.mark.parametrize("torn", ["", "\0\0\0", "now because", "1795690822 \x1b[2Jthe screen is empty\n"])
def test_a_torn_line_says_nothing(tmp_path: Path, torn: str) -> None:
    (tmp_path / RESET).parent.mkdir()
    (tmp_path / RESET).write_text(torn)
    log = AuditLog(tmp_path / "log/audit.log", SystemClock())
    assert reset_notices(tmp_path, log) == []
    assert log.head.number == 0
