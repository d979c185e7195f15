# SPDX-License-Identifier: GPL-2.0-or-later
"""The table decides: role, parameters, audit; a secret is never written down."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from patronus.core.errors import (
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    StorageError,
)
from patronus.core.verb import Caller, Parameters, Result, Role, Verb
from patronus.daemon.peer import Peer
from patronus.daemon.table import VerbTable

ROOT = Peer("root", Role.ADMIN, trusted_origin=False)
WEB = Peer("patronus-web", Role.NONE, trusted_origin=True)
STRANGER = Peer("nobody", Role.NONE, trusted_origin=False)
METHOD = "io.patronus.door.v1.Open"


class Given(Parameters):
    name: str
    password: str = "none"


class Opened(Result):
    by: str
    origin: str


def open_door(caller: Caller, given: Given) -> Opened:
    """Open the door."""
    if given.name == "locked":
        raise Conflict("it is locked")
    return Opened(by=caller.name, origin=caller.origin)


def authenticate(token: str, origin: str) -> Caller:
    roles = {"t-viewer": Role.VIEWER, "t-admin": Role.ADMIN}
    if token not in roles:
        raise NotAuthenticated("no such session")
    return Caller(token.removeprefix("t-"), roles[token], origin, token)


class Records:
    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def append(
        self, action: str, actor: str, origin: str, outcome: str, details: dict[str, Any] | None = None
    ) -> None:
        self.written.append({"action": action, "actor": actor, "outcome": outcome, "details": details})


@pytest.mark.parametrize(("name", "written"), [("locked", False), ("nobody", True), ("front", True)])
def test_a_stranger_cannot_fill_the_log_and_his_tries_are_in_it(
    records: Records, name: str, *, written: bool
) -> None:
    def knock(caller: Caller, given: Given) -> Opened:
        """Knock."""
        if given.name == "nobody":
            raise NotAuthenticated("wrong")
        return open_door(caller, given)

    table = VerbTable(
        [Verb("door.Open", Given, Opened, knock, Role.NONE, changes=True)], authenticate, records
    )
    with contextlib.suppress(Conflict, NotAuthenticated):
        table.call(WEB, METHOD, {"name": name})
    with pytest.raises(InvalidRequest):
        table.call(WEB, METHOD, {"name": "x", "more": "y" * 1000})
    assert bool(records.written) is written
    with pytest.raises(Conflict):
        table.call(ROOT, METHOD, {"name": "locked"})
    assert records.written[-1]["actor"] == "root"


class FullDisk(Records):
    def append(
        self, action: str, actor: str, origin: str, outcome: str, details: dict[str, Any] | None = None
    ) -> None:
        raise StorageError("no space left on device")


def test_a_full_disk_keeps_nobody_out_and_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    verb = Verb("door.Open", Given, Opened, open_door, Role.OPERATOR, changes=True)
    table = VerbTable([verb], authenticate, FullDisk())
    assert table.call(ROOT, METHOD, {"name": "front", "password": "geheim"})["by"] == "root"
    with pytest.raises(Conflict):
        table.call(ROOT, METHOD, {"name": "locked"})
    assert "door.Open by root" in caplog.text and "geheim" not in caplog.text


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def table(records: Records) -> VerbTable:
    verb = Verb("door.Open", Given, Opened, open_door, Role.OPERATOR, changes=True)
    return VerbTable([verb], authenticate, records)


def test_root_may_and_the_call_is_recorded(table: VerbTable, records: Records) -> None:
    assert table.call(ROOT, METHOD, {"name": "front"}) == {"by": "root", "origin": "local"}
    assert records.written[0]["actor"] == "root"
    assert records.written[0]["outcome"] == "done"


@pytest.mark.parametrize(
    ("peer", "given", "error"),
    [
        (WEB, {"name": "front"}, NotAuthenticated),
        (STRANGER, {"name": "front"}, NotAuthenticated),
        (WEB, {"name": "front", "session": "t-viewer"}, NotPermitted),
        (WEB, {"name": "front", "session": "forged"}, NotAuthenticated),
        (ROOT, {"name": "front", "session": "forged"}, NotAuthenticated),
        (ROOT, {"name": 7}, InvalidRequest),
        (ROOT, {"name": "front", "colour": "red"}, InvalidRequest),
        (ROOT, {}, InvalidRequest),
    ],
)
def test_who_may_not_or_asks_wrongly_is_refused(
    table: VerbTable, peer: Peer, given: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        table.call(peer, METHOD, given)


def test_a_session_raises_the_web_process_to_its_user_with_the_browsers_origin(table: VerbTable) -> None:
    given = {"name": "front", "session": "t-admin", "origin": "192.168.1.10"}
    assert table.call(WEB, METHOD, given) == {"by": "admin", "origin": "192.168.1.10"}


def test_only_the_web_process_is_believed_about_the_origin(table: VerbTable) -> None:
    given = {"name": "front", "session": "t-admin", "origin": "203.0.113.9"}
    assert table.call(STRANGER, METHOD, given) == {"by": "admin", "origin": "local"}


def test_a_failure_is_recorded_with_its_reason_and_without_the_secret(
    table: VerbTable, records: Records
) -> None:
    with pytest.raises(Conflict):
        table.call(ROOT, METHOD, {"name": "locked", "password": "hunter2"})
    assert records.written[0]["outcome"] == "Conflict: it is locked"
    assert records.written[0]["details"] == {"name": "locked", "password": "***"}


def test_an_unknown_verb_is_named(table: VerbTable) -> None:
    with pytest.raises(NotFound, match=r"io\.patronus\.door\.v1\.Close"):
        table.call(ROOT, "io.patronus.door.v1.Close", {})


def test_two_verbs_of_one_name_are_refused(table: VerbTable) -> None:
    with pytest.raises(ValueError, match="declared twice"):
        table.add(Verb("door.Open", Given, Opened, open_door))
