# SPDX-License-Identifier: GPL-2.0-or-later
"""The room's verbs through the daemon's table: who may what, and what is written down of it."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest

from patronus.core.errors import (
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    PatronusError,
    SecondFactorNeeded,
    Unavailable,
)
from patronus.core.verb import Caller, Done, Nothing, Role, Verb
from patronus.daemon.peer import Peer
from patronus.daemon.table import VerbTable, written
from patronus.kernel.host import Places
from patronus.secrets.entry_verbs import EntryVerbs
from patronus.secrets.register import Account
from patronus.secrets.service import Doorkeeper
from patronus.secrets.verbs import verbs
from tests.unit.secrets.conftest import CHEAP, GOOD, Box, MovableClock, Start

ROOT = Peer("root", Role.ADMIN, trusted_origin=False)
WEB = Peer("patronus-web", Role.NONE, trusted_origin=True)
WRITTEN = {"name", "role", "account", "id", "life_s", "base", "verbs"}
"""Parameters of the room that may stand in the audit log."""


def touch(caller: Caller, given: Nothing) -> Done:
    """Do nothing."""
    return Done()


class House:
    """A daemon of this room and a few other verbs; keeps what would be audited."""

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self.doorkeeper = doorkeeper
        self.written: list[tuple[str, str, str, Any]] = []
        other = [
            Verb("dns.Flush", Nothing, Done, touch, Role.OPERATOR, changes=True),
            Verb("dns.Stop", Nothing, Done, touch, Role.ADMIN, changes=True),
            Verb("dns.Look", Nothing, Done, touch, Role.VIEWER),
        ]
        own = [*EntryVerbs(doorkeeper).verbs(), *verbs(doorkeeper, lambda: self.table.verbs())]
        self.table = VerbTable([*other, *own], doorkeeper.authenticate, self)

    def append(
        self, action: str, caller: Caller, outcome: str, details: dict[str, Any] | None = None
    ) -> None:
        self.written.append((action, caller.name, outcome, details))

    def call(self, verb: str, session: str | None = None, peer: Peer = WEB, **given: Any) -> dict[str, Any]:
        interface, _, method = verb.partition(".")
        given |= {"origin": "web 192.0.2.10"} | ({"session": session} if session else {})
        return self.table.call(peer, f"io.patronus.{interface}.v1.{method}", given)

    def enter(self, name: str, role: str | None = None) -> str:
        """Begin a session without the cost of a password; with a role, of a new account."""
        if role is not None:
            store = self.doorkeeper._store
            store.keep(store.register.with_new(Account(name=name, role=role, password=CHEAP)))
        return self.doorkeeper.passes.begin(name, "web 192.0.2.10")[0]

    def log_in(self, name: str, **more: Any) -> str:
        return str(self.call("accounts.LogIn", name=name, password=GOOD, **more)["token"])

    def allowed(self, session: str) -> set[str]:
        """Return which of the foreign verbs a session or token may call."""
        may = set()
        for name in ("dns.Flush", "dns.Stop", "dns.Look"):
            try:
                self.call(name, session)
            except NotPermitted:
                continue
            may.add(name)
        return may


@pytest.fixture
def house(start: Start) -> House:
    return House(start(CHEAP))


def test_no_password_code_or_token_of_any_verb_is_written_down(house: House) -> None:
    for verb in house.table.verbs():
        kept = written(dict.fromkeys(verb.parameters.model_fields, "geheim"), verb.parameters)
        assert {name for name, value in kept.items() if value == "geheim"} <= WRITTEN, verb.name


def test_whoever_gives_authority_away_is_an_administrator_of_the_built_in_kind(house: House) -> None:
    for verb in house.table.verbs():
        if not verb.name.startswith("dns."):
            assert verb.own or verb.role is Role.NONE or (verb.reserved and verb.role is Role.ADMIN), (
                verb.name
            )


def test_a_custom_role_may_exactly_its_verbs(house: House) -> None:
    admin = house.enter("admin")
    house.call("roles.Put", admin, name="flusher", base="none", verbs=["dns.Flush"])
    kim = house.enter("kim", "flusher")
    assert house.allowed(kim) == {"dns.Flush"}
    for base, patterns, may in (
        ("viewer", ["dns.Flush"], {"dns.Flush", "dns.Look"}),
        ("none", ["dns.*"], {"dns.Flush", "dns.Look", "dns.Stop"}),
        ("viewer", ["dns.Stop"], {"dns.Look", "dns.Stop"}),
        ("none", ["*"], {"dns.Flush", "dns.Look", "dns.Stop"}),
    ):
        house.call("roles.Put", admin, name="flusher", base=base, verbs=patterns)
        assert house.allowed(kim) == may
        listed = {role["name"]: role["allows"] for role in house.call("roles.List", admin)["roles"]}
        assert {name for name in listed["flusher"] if name.startswith("dns.")} == may
    refused: tuple[tuple[str, dict[str, Any]], ...] = (
        ("accounts.Add", {"name": "x", "role": "admin", "password": GOOD}), ("roles.List", {}),
        ("accounts.ChangeRole", {"name": "kim", "role": "admin"}), ("totp.Reset", {"name": "admin"}),
    )  # fmt: skip
    for verb, given in refused:
        with pytest.raises(NotPermitted):
            house.call(verb, kim, **given)
    assert house.call("accounts.WhoAmI", kim)["role"] == "flusher"
    assert house.call("accounts.LogOut", kim) == {}


@pytest.mark.parametrize(
    ("name", "patterns", "said"),
    [
        ("keeper", ["dns.Flood"], "no verb of this router"),
        ("keeper", ["accounts.Add"], "gives authority away"),
        ("keeper", ["roles.*"], "gives authority away"),
        ("admin", ["dns.*"], "built-in"),
        ("keeper", ["dns"], "verbs.0"),
        ("keeper", [], "verbs"),
    ],
)
def test_a_role_that_is_none_is_refused_in_words(
    house: House, name: str, patterns: list[str], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said):
        house.call("roles.Put", peer=ROOT, name=name, verbs=patterns)


def test_a_token_may_what_its_role_and_its_account_may_until_it_is_revoked(
    house: House, clock: MovableClock
) -> None:
    admin = house.enter("admin")
    oscar = house.enter("oscar", "operator")
    made = house.call("tokens.Add", oscar, name="backup", role="admin", life_s=3600)
    token = made["token"]
    assert house.allowed(token) == {"dns.Flush", "dns.Look"}
    assert [entry[:2] for entry in house.written[-2:]] == [
        ("dns.Flush", "oscar/backup"),
        ("dns.Stop", "oscar/backup"),
    ]
    assert house.written[-1][2].startswith("NotPermitted")
    house.call("accounts.ChangeRole", admin, name="oscar", role="viewer")
    assert house.allowed(token) == {"dns.Look"}
    assert token not in str(house.call("tokens.List", oscar)) + str(house.written)
    assert [one["id"] for one in house.call("tokens.List", oscar)["tokens"]] == [made["id"]]
    house.call("tokens.Revoke", oscar, id=made["id"])
    with pytest.raises(NotAuthenticated):
        house.call("dns.Look", token)
    less = house.call("tokens.Add", admin, name="look", role="viewer", life_s=60)["token"]
    assert house.allowed(less) == {"dns.Look"}
    clock.now += 59
    assert house.allowed(less) == {"dns.Look"}
    clock.now += 1
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            house.call("dns.Look", less)
        clock.now -= 100  # a clock that is set back brings nothing to life


def test_tokens_are_ones_own_affair_and_the_administrators(house: House) -> None:
    admin = house.enter("admin")
    anna, bert = house.enter("anna", "operator"), house.enter("bert", "operator")
    made = house.call("tokens.Add", anna, name="t", role="viewer", life_s=60)
    assert house.call("tokens.List", bert)["tokens"] == []
    with pytest.raises(NotFound):
        house.call("tokens.Revoke", bert, id=made["id"])
    token = made["token"]
    refused: list[tuple[str, str, dict[str, Any]]] = [
        ("tokens.Add", bert, {"name": "t", "role": "viewer", "account": "anna"}),
        ("tokens.Add", token, {"name": "more", "role": "viewer"}),
        ("accounts.ChangePassword", token, {"old": GOOD, "new": "another good password"}),
        ("totp.Begin", token, {"password": GOOD}),
    ]
    for verb, session, given in refused:
        with pytest.raises(NotPermitted):
            house.call(verb, session, **given)
    wrong: list[tuple[type[PatronusError], dict[str, Any]]] = [
        (Conflict, {"name": "t", "role": "viewer"}),
        (InvalidRequest, {"name": "u", "role": "king"}),
        (InvalidRequest, {"name": "u", "role": "viewer", "life_s": 400 * 86400}),
        (InvalidRequest, {"name": "u", "role": "viewer", "life_s": 0}),
    ]
    for error, given in wrong:
        with pytest.raises(error):
            house.call("tokens.Add", anna, **given)
    with pytest.raises(InvalidRequest, match="whose token"):
        house.call("tokens.Add", peer=ROOT, name="r", role="viewer")
    by_root = house.call("tokens.Add", peer=ROOT, name="r", role="viewer", account="bert")["token"]
    assert house.call("accounts.WhoAmI", by_root)["name"] == "bert/r"
    house.call("accounts.Remove", admin, name="bert")
    with pytest.raises(NotAuthenticated):
        house.call("dns.Look", by_root)


def test_sessions_are_listed_and_ended_at_once(house: House) -> None:
    admin = house.enter("admin")
    one, two = house.enter("anna", "viewer"), house.enter("anna")
    seen = house.call("sessions.List", one)["sessions"]
    assert [session["account"] for session in seen] == ["anna", "anna"]
    assert [session["this"] for session in seen].count(True) == 1
    assert one not in str(seen) and two not in str(seen)
    assert len(house.call("sessions.List", admin)["sessions"]) == 3
    of_admin = next(s["id"] for s in house.call("sessions.List", admin)["sessions"] if s["this"])
    with pytest.raises(NotFound):
        house.call("sessions.End", one, id=of_admin)
    house.call("sessions.End", one, id=next(s["id"] for s in seen if not s["this"]))
    with pytest.raises(NotAuthenticated):
        house.call("dns.Look", two)
    house.call("sessions.EndAll", admin, name="anna")
    with pytest.raises(NotAuthenticated):
        house.call("dns.Look", one)
    assert house.call("dns.Look", admin) == {}


def second_factor(house: House, clock: MovableClock, session: str) -> tuple[pyotp.TOTP, list[str]]:
    """Set a second factor up; return what makes its codes, and the recovery codes."""
    begun = house.call("totp.Begin", session, password=GOOD)
    app = pyotp.parse_uri(begun["uri"])
    assert isinstance(app, pyotp.TOTP)
    return app, house.call("totp.Confirm", session, code=app.at(int(clock.wall())))["codes"]


def test_a_second_factor_is_asked_for_and_no_code_is_taken_twice(house: House, clock: MovableClock) -> None:
    admin = house.enter("admin")
    other = house.enter("admin")
    app, codes = second_factor(house, clock, admin)
    assert (app.name, app.issuer, len(set(codes))) == ("admin@attic", "Patronus", 10)
    with pytest.raises(NotAuthenticated):
        house.call("dns.Look", other)
    used = app.at(int(clock.wall()))
    with pytest.raises(SecondFactorNeeded) as asked:
        house.log_in("admin")
    finish: dict[str, Any] = {"challenge": asked.value.challenge}
    for wrong in (used, "", "12345", app.at(int(clock.wall()) + 90), codes[0][:-1]):
        with pytest.raises(NotAuthenticated):
            house.call("accounts.FinishLogIn", **finish, code=wrong)
        clock.now += 900
        with pytest.raises(SecondFactorNeeded) as asked:
            house.log_in("admin")
        finish = {"challenge": asked.value.challenge}
    fresh = app.at(int(clock.wall()))
    session = house.call("accounts.FinishLogIn", **finish, code=f"{fresh[:3]} {fresh[3:]}")["token"]
    assert house.call("accounts.WhoAmI", session)["second_factor"]
    with pytest.raises(NotAuthenticated, match="begin again"):
        house.call("accounts.FinishLogIn", **finish, code=codes[1])
    with pytest.raises(NotAuthenticated):
        house.log_in("admin", code=fresh)
    clock.now += 31
    assert house.log_in("admin", code=app.at(int(clock.wall())))
    assert house.log_in("admin", code=codes[0].lower())
    with pytest.raises(NotAuthenticated):
        house.log_in("admin", code=codes[0])
    assert house.call("accounts.WhoAmI", session)["recovery_codes"] == 9
    secrets = [GOOD, app.secret, *codes, fresh, finish["challenge"]]
    assert not any(secret in str(house.written) for secret in secrets)


def test_a_challenge_is_for_its_asker_and_its_password_and_not_for_long(
    house: House, clock: MovableClock
) -> None:
    app, codes = second_factor(house, clock, house.enter("admin"))
    with pytest.raises(SecondFactorNeeded) as asked:
        house.log_in("admin")
    given: dict[str, Any] = {"challenge": asked.value.challenge, "code": codes[0]}
    with pytest.raises(NotAuthenticated):
        house.doorkeeper.finish_log_in(Caller("w", Role.NONE, "web 192.0.2.66"), *given.values())
    house.doorkeeper.registrar.set_password("admin", "another good password")
    with pytest.raises(NotAuthenticated):
        house.call("accounts.FinishLogIn", **given)
    house.doorkeeper.registrar.set_password("admin", GOOD)
    with pytest.raises(SecondFactorNeeded) as asked:
        house.log_in("admin")
    clock.now += 301
    with pytest.raises(NotAuthenticated, match="too long"):
        house.call("accounts.FinishLogIn", challenge=asked.value.challenge, code=codes[1])


def test_without_a_right_clock_no_app_is_believed_and_a_recovery_code_is(
    house: House, clock: MovableClock, places: Places
) -> None:
    admin = house.enter("admin")
    app, codes = second_factor(house, clock, admin)
    places.timesync.unlink()
    clock.now += 60
    right = app.at(int(clock.wall()))
    for _ in range(6):
        with pytest.raises(Unavailable, match="not synchronised"):
            house.log_in("admin", code=right)
    assert house.log_in("admin", code=codes[0])
    with pytest.raises(Unavailable, match="not synchronised"):
        house.call("totp.Begin", house.enter("anna", "viewer"), password=GOOD)
    places.timesync.touch()
    assert house.log_in("admin", code=right)


def test_a_locked_or_lost_vault_leaves_the_recovery_codes(
    house: House, clock: MovableClock, box: Box
) -> None:
    app, codes = second_factor(house, clock, house.enter("admin"))
    clock.now += 60
    box.locked = True
    with pytest.raises(Unavailable, match="locked"):
        house.log_in("admin", code=app.at(int(clock.wall())))
    assert house.log_in("admin", code=codes[0])
    box.locked = False
    box.clear()
    with pytest.raises(PatronusError, match="use a recovery code"):
        house.log_in("admin", code=app.at(int(clock.wall())))
    assert house.log_in("admin", code=codes[1])


def test_guessing_codes_slows_down_and_the_right_one_waits_too(house: House, clock: MovableClock) -> None:
    app, _ = second_factor(house, clock, house.enter("admin"))
    clock.now += 60
    refused = []
    for _ in range(7):
        with pytest.raises(PatronusError) as error:
            house.log_in("admin", code="000000")
        refused.append(error.value.code)
    assert refused[:5] == ["NotAuthenticated"] * 5
    assert set(refused[5:]) == {"TooManyRequests"}
    with pytest.raises(PatronusError, match="wait"):
        house.log_in("admin", code=app.at(int(clock.wall())))


def test_a_second_factor_ends_by_both_factors_or_by_an_administrator(
    house: House, clock: MovableClock, box: Box
) -> None:
    admin = house.enter("admin")
    house.call("accounts.Add", admin, name="anna", role="viewer", password=GOOD)
    anna = house.log_in("anna")
    with pytest.raises(NotAuthenticated):
        house.call("totp.Begin", anna, password="not the password")
    with pytest.raises(Conflict, match="begin anew"):
        house.call("totp.Confirm", anna, code="123456")
    app, codes = second_factor(house, clock, anna)
    with pytest.raises(Conflict):
        house.call("totp.Begin", anna, password=GOOD)
    new = house.call("totp.RenewCodes", anna, password=GOOD, code=codes[0])["codes"]
    assert not set(new) & set(codes)
    for password, code in ((GOOD, codes[1]), ("x" * 12, new[0])):
        with pytest.raises(NotAuthenticated):
            house.call("totp.End", anna, password=password, code=code)
    house.call("totp.End", anna, password=GOOD, code=new[0])
    anna = house.log_in("anna")
    second_factor(house, clock, anna)
    assert list(box) == ["accounts.totp.anna"]
    house.call("totp.Reset", admin, name="anna")
    assert not box
    with pytest.raises(NotAuthenticated):
        house.call("dns.Look", anna)
    assert house.log_in("anna")


def test_an_enrolment_that_was_left_alone_ends(house: House, clock: MovableClock) -> None:
    admin = house.enter("admin")
    begun = house.call("totp.Begin", admin, password=GOOD)
    clock.now += 901
    code = pyotp.TOTP(begun["secret"]).at(int(clock.wall()))
    with pytest.raises(Conflict, match="too long"):
        house.call("totp.Confirm", admin, code=code)
    assert house.log_in("admin")


def test_root_has_no_account_that_would_be_its_own(house: House) -> None:
    assert house.call("accounts.WhoAmI", peer=ROOT)["base"] == "admin"
    refused: list[tuple[str, dict[str, Any]]] = [
        ("totp.Begin", {"password": GOOD}), ("accounts.ChangePassword", {"old": GOOD, "new": GOOD}),
    ]  # fmt: skip
    for verb, given in refused:
        with pytest.raises(NotPermitted, match="logged in"):
            house.call(verb, peer=ROOT, **given)


def test_the_log_has_what_an_account_a_role_and_a_token_were_before(house: House) -> None:
    admin = house.enter("admin")
    house.enter("kim", "viewer")
    house.call("accounts.ChangeRole", admin, name="kim", role="operator")
    house.call("accounts.Disable", admin, name="kim")
    house.call("roles.Put", admin, name="flusher", base="none", verbs=["dns.Flush"])
    house.call("roles.Put", admin, name="flusher", base="viewer", verbs=["dns.Flush"])
    made = house.call("tokens.Add", admin, name="backup", role="viewer")
    house.call("tokens.Revoke", admin, id=made["id"])
    house.call("accounts.Remove", admin, name="kim")

    def differences(action: str) -> list[list[dict[str, Any]]]:
        return [details.get("differences", []) for done, _, _, details in house.written if done == action]

    assert differences("accounts.ChangeRole") == [[{"path": "role", "before": "viewer", "after": "operator"}]]
    assert differences("accounts.Disable") == [[{"path": "disabled", "before": False, "after": True}]]
    assert differences("roles.Put")[1] == [{"path": "base", "before": "none", "after": "viewer"}]
    gone = {one["path"]: (one["before"], one["after"]) for one in differences("tokens.Revoke")[0]}
    assert gone["name"] == ("backup", None) and gone["account"] == ("admin", None)
    gone = {one["path"]: (one["before"], one["after"]) for one in differences("accounts.Remove")[0]}
    assert gone["role"] == ("operator", None)
    assert made["token"] not in str(house.written)
