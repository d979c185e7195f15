# SPDX-License-Identifier: GPL-2.0-or-later
"""The table decides: role, parameters, audit; a secret is never written down."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field

from patronus.core.drafts import seen
from patronus.core.errors import (
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    StorageError,
)
from patronus.core.values import DomainName
from patronus.core.verb import Caller, Grant, Parameters, Result, Role, Secret, Verb
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
        self, action: str, caller: Caller, outcome: str, details: dict[str, Any] | None = None
    ) -> None:
        self.written.append({"action": action, "actor": caller.name, "outcome": outcome, "details": details})


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
        self, action: str, caller: Caller, outcome: str, details: dict[str, Any] | None = None
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


def test_a_refused_value_is_said_in_our_words_with_its_place(records: Records) -> None:
    class Wanted(Parameters):
        host: DomainName

    def look(caller: Caller, given: Wanted) -> Opened:
        """Look."""
        return Opened(by=caller.name, origin=given.host)

    table = VerbTable([Verb("door.Look", Wanted, Opened, look)], authenticate, records)
    with pytest.raises(InvalidRequest, match="^host: not a name is not a domain name"):
        table.call(ROOT, "io.patronus.door.v1.Look", {"host": "not a name"})


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


class Move(Parameters):
    door: str
    to: str


def test_the_record_says_what_was_before_and_after_of_what_a_verb_is_about(records: Records) -> None:
    """Only what differs, and nothing where the call failed."""
    doors = {"front": {"at": "north", "colour": "red"}}

    def move(caller: Caller, given: Move) -> Opened:
        """Move a door."""
        if given.to == "nowhere":
            raise Conflict("there is no such place")
        doors[given.door] = {"colour": "red", **doors.get(given.door, {}), "at": given.to}
        return Opened(by=caller.name, origin=caller.origin)

    verb = Verb(
        "door.Move", Move, Opened, move, changes=True, subject=lambda given: dict(doors.get(given.door, {}))
    )
    table = VerbTable([verb], authenticate, records)
    method = "io.patronus.door.v1.Move"
    table.call(ROOT, method, {"door": "front", "to": "south"})
    table.call(ROOT, method, {"door": "front", "to": "south"})
    table.call(ROOT, method, {"door": "back", "to": "east"})
    with pytest.raises(Conflict):
        table.call(ROOT, method, {"door": "front", "to": "nowhere"})
    assert [record["details"].get("differences") for record in records.written] == [
        [{"path": "at", "before": "north", "after": "south"}],
        None,
        [{"path": "colour", "before": None, "after": "red"}, {"path": "at", "before": None, "after": "east"}],
        None,
    ]


def test_that_somebody_tried_what_they_may_not_is_recorded_once_a_minute(
    table: VerbTable, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A viewer's try is in the record, and a thousand of them push nobody else's out; a stranger's is not."""
    now_s = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now_s[0])
    given = {"name": "front", "password": "geheim", "session": "t-viewer"}
    for moment in (0.0, 1.0, 59.0, 60.5):
        now_s[0] = moment
        with pytest.raises(NotPermitted):
            table.call(WEB, METHOD, given)
    with pytest.raises(NotAuthenticated):
        table.call(STRANGER, METHOD, {"name": "front"})
    assert [(entry["actor"], entry["details"]) for entry in records.written] == [("viewer", {})] * 2
    assert records.written[0]["outcome"].startswith("NotPermitted: viewer is viewer, this needs operator")


class Change(Parameters):
    old: Secret
    new: Annotated[Secret, Field(description="a new one")]
    name: str


def test_what_a_model_calls_secret_is_never_written_whatever_its_name(records: Records) -> None:
    """Also where the call fails, or the value is of no kind that the model takes."""

    def change(caller: Caller, given: Change) -> Opened:
        """Change."""
        return Opened(by=caller.name, origin=caller.origin)

    table = VerbTable([Verb("door.Change", Change, Opened, change, changes=True)], authenticate, records)
    table.call(ROOT, "io.patronus.door.v1.Change", {"old": "geheim", "new": "geheim2", "name": "front"})
    with pytest.raises(InvalidRequest) as refused:
        table.call(ROOT, "io.patronus.door.v1.Change", {"old": ["geheim"], "new": "geheim2", "name": "x"})
    assert [record["details"]["name"] for record in records.written] == ["front", "x"]
    assert "geheim" not in str(records.written) + str(refused.value)


@pytest.mark.parametrize(
    ("grants", "allowed"),
    [
        ((), False),
        ((Grant("viewer", Role.VIEWER),), False),
        ((Grant("keeper", Role.NONE, ("door.Open",)),), True),
        ((Grant("keeper", Role.NONE, ("door.*",)),), True),
        ((Grant("keeper", Role.NONE, ("*",)),), True),
        ((Grant("keeper", Role.NONE, ("doors.*", "door.Ope", "door.open")),), False),
        ((Grant("keeper", Role.NONE, ("door.*",)), Grant("viewer", Role.VIEWER)), False),
        ((Grant("keeper", Role.NONE, ("door.*",)), Grant("admin", Role.ADMIN)), True),
    ],
)
def test_a_role_of_its_own_may_exactly_its_verbs(
    records: Records, grants: tuple[Grant, ...], *, allowed: bool
) -> None:
    """Where an account and its token both have a grant, both must allow."""
    verb = Verb("door.Open", Given, Opened, open_door, Role.OPERATOR, changes=True)

    def known(token: str, origin: str) -> Caller:
        return Caller("kim", min((g.base for g in grants), default=Role.VIEWER), origin, "s", grants=grants)

    table = VerbTable([verb], known, records)
    given = {"name": "front", "session": "any"}
    if allowed:
        assert table.call(WEB, METHOD, given)["by"] == "kim"
    else:
        with pytest.raises(NotPermitted, match=r"this needs operator or door\.Open"):
            table.call(WEB, METHOD, given)


def test_no_pattern_reaches_a_reserved_verb_and_an_own_one_is_everybodys() -> None:
    """Everybody who is logged in: a stranger has no account that would be his own."""
    keeper = Caller("kim", Role.NONE, grants=(Grant("keeper", Role.NONE, ("*", "door.Open")),))
    reserved = Verb("door.Open", Given, Opened, open_door, Role.ADMIN, changes=True, reserved=True)
    own = Verb("door.Knock", Given, Opened, open_door, own=True)
    assert not keeper.may(reserved)
    assert Caller("root", Role.ADMIN).may(reserved)
    assert keeper.may(own)
    assert not Caller("nobody", Role.NONE).may(own)


def test_an_unknown_verb_is_named(table: VerbTable) -> None:
    with pytest.raises(NotFound, match=r"io\.patronus\.door\.v1\.Close"):
        table.call(ROOT, "io.patronus.door.v1.Close", {})


def test_two_verbs_of_one_name_are_refused(table: VerbTable) -> None:
    with pytest.raises(ValueError, match="declared twice"):
        table.add(Verb("door.Open", Given, Opened, open_door))


class Written(Result):
    knows_drafts: ClassVar[bool] = True

    draft: bool
    sees: str | None


def write(caller: Caller, given: Given) -> Written:
    """Write."""
    return Written(draft=caller.draft, sees=seen())


def test_a_call_may_work_in_the_callers_draft_where_the_verb_can(records: Records) -> None:
    verbs: list[Verb[Any, Any]] = [
        Verb("door.Write", Given, Written, write, Role.OPERATOR, changes=True),
        Verb("door.Open", Given, Opened, open_door, Role.OPERATOR, changes=True),
    ]
    table = VerbTable(verbs, authenticate, records)
    method = "io.patronus.door.v1.Write"
    assert table.call(ROOT, method, {"name": "x", "draft": True}) == {"draft": True, "sees": "root"}
    assert table.call(ROOT, method, {"name": "x", "draft": False}) == {"draft": False, "sees": None}
    assert seen() is None
    with pytest.raises(InvalidRequest, match="acts at once"):
        table.call(ROOT, METHOD, {"name": "x", "draft": True})
    with pytest.raises(InvalidRequest, match="neither true nor false"):
        table.call(ROOT, method, {"name": "x", "draft": "yes"})
    described = {verb.name: verb.describe()["parameters"]["properties"] for verb in table.verbs()}
    assert "draft" in described["door.Write"] and "draft" not in described["door.Open"]
