# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounts in a browser and over REST: second factor, tokens, sessions, and roles of one's own."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyotp
import pytest

from patronus.kernel.host import Places
from tests.web.chromium import (
    PHONE,
    SHOTS,
    WIDE,
    browser,
    complaints,
    counts,
    leave,
    look,
    says,
    says_not,
    show,
    show_anew,
)
from tests.web.conftest import PASSWORD, Machine, Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

__all__ = ["browser", "complaints"]


@pytest.fixture(autouse=True)
def right_clock(machine: Machine) -> Iterator[None]:
    """Let the router's clock be right, as the unit beside chronyd says it."""
    stamp = Places.below(machine.root).timesync
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()
    yield
    stamp.unlink(missing_ok=True)


def person(machine: Machine, admin: Visitor, name: str, role: str = "viewer") -> Visitor:
    """Return somebody new, who is logged in by bearer token, from an address of their own."""
    given = {"name": name, "role": role, "password": PASSWORD}
    assert admin.ask("POST", "/api/v1/accounts", given).status == 200
    visitor = machine.visitor()
    answer = visitor.ask("POST", "/api/v1/session", {"name": name, "password": PASSWORD})
    visitor.bearer = answer.json()["token"]
    return visitor


def enter(page: Page, name: str) -> None:
    show(page, "/log-in")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    send(page.locator("button.primary"))


def send(button: Locator) -> None:
    """Press the button of a form and wait for the answer's page."""
    with button.page.expect_navigation():
        button.click()


def type_code(page: Page, code: str) -> None:
    """Type a code into the field that has the focus, without a mouse."""
    page.wait_for_selector("#code:focus")
    page.keyboard.type(code)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def next_code(app: pyotp.TOTP) -> str:
    """Return a code of the step after this one: within the window, and newer than any taken."""
    return app.at(int(time.time()) + 30)


def shoot(page: Page, name: str) -> None:
    """Take a picture at each size and by day and night; nothing is wider than the screen."""
    for kind, size in (("phone", PHONE), ("desk", WIDE)):
        page.set_viewport_size(size)
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=SHOTS / f"{name}-{kind}-{scheme}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], (name, kind)


def set_up_factor(page: Page) -> tuple[pyotp.TOTP, list[str]]:
    """Go through the second factor's set-up; return the app and the recovery codes."""
    show(page, "/account")
    page.click("text=Set it up with an authenticator app")
    page.fill("#begin-password", PASSWORD)
    send(page.locator("text=Show the QR code"))
    assert page.locator(".qr svg").bounding_box() is not None
    shoot(page, "second-factor")
    secret = re.sub(r"\s", "", page.inner_text("code.secret"))
    app = pyotp.TOTP(secret)
    page.fill("#code", "000000")
    send(page.locator("text=Ask for codes from now on"))
    says(page.locator(".note.error"), "the code is wrong")
    assert re.sub(r"\s", "", page.inner_text("code.secret")) == secret
    page.fill("#code", app.now())
    send(page.locator("text=Ask for codes from now on"))
    shoot(page, "recovery-codes")
    codes = page.locator(".codes code").all_inner_texts()
    assert len(set(codes)) == 10
    send(page.locator("text=I have kept them"))
    says(page.locator("#second-factor"), "On: a log-in asks")
    return app, codes


def test_a_log_in_with_a_second_factor(
    browser: Browser, machine: Machine, admin: Visitor, complaints: list[str]
) -> None:
    """From its set-up by QR code to its end; only by keyboard through the second step."""
    other = person(machine, admin, "anna")
    page = look(browser, machine, complaints, viewport=WIDE)
    enter(page, "anna")
    app, codes = set_up_factor(page)
    assert other.ask("GET", "/api/v1/system/status").status == 401
    send(page.get_by_role("button", name="Log out"))
    complaints.clear()  # an answer of 401 is one: the wrong code was
    enter(page, "anna")
    says(page.locator("h1"), "One more step")
    shoot(page, "log-in-code")
    show(page, "/rules")
    assert "Log in" in page.content() and "no telnet" not in page.content()
    enter(page, "anna")
    type_code(page, "123456")
    says(page.locator(".note.error"), "the code is wrong")
    type_code(page, next_code(app))
    says(page.locator("h1"), "patronus")
    send(page.get_by_role("button", name="Log out"))
    enter(page, "anna")
    type_code(page, codes[0].lower())
    show(page, "/account")
    says(page.locator("#second-factor"), "9 recovery codes left")
    page.click("text=Switch it off")
    page.fill("#end-password", PASSWORD)
    page.fill("#end-code", codes[1])
    send(page.locator("button:has-text('Switch off')"))
    says(page.locator("#second-factor"), "Off: whoever knows")
    send(page.get_by_role("button", name="Log out"))
    enter(page, "anna")
    says(page.locator("h1"), "patronus")
    leave(page)
    page.context.close()


def test_over_rest_a_code_goes_with_the_password_or_after_it(machine: Machine, admin: Visitor) -> None:
    bert = person(machine, admin, "bert")
    begun = bert.ask("POST", "/api/v1/session/totp", {"password": PASSWORD}).json()
    app = pyotp.TOTP(begun["secret"])
    assert bert.ask("PUT", "/api/v1/session/totp", {"code": app.now()}).status == 200
    given: dict[str, Any] = {"name": "bert", "password": PASSWORD}
    asked = machine.visitor().ask("POST", "/api/v1/session", given)
    assert asked.status == 401
    problem = asked.json()
    assert problem["type"] == "urn:patronus:error:SecondFactorNeeded"
    finish = {"challenge": problem["challenge"], "code": next_code(app)}
    assert machine.visitor("127.0.0.9").ask("POST", "/api/v1/session/code", finish).status == 401
    assert machine.visitor().ask("POST", "/api/v1/session/code", finish).status == 200
    assert machine.visitor().ask("POST", "/api/v1/session", {**given, "code": finish["code"]}).status == 401
    Places.below(machine.root).timesync.unlink()
    late = machine.visitor().ask("POST", "/api/v1/session", {**given, "code": app.now()})
    assert (late.status, "not synchronised" in late.json()["detail"]) == (503, True)
    assert admin.ask("DELETE", "/api/v1/accounts/bert/totp").status == 200
    assert machine.visitor().ask("POST", "/api/v1/session", given).status == 200


def test_a_token_lets_a_program_through_until_it_is_revoked(
    browser: Browser, machine: Machine, admin: Visitor, complaints: list[str]
) -> None:
    person(machine, admin, "carl", "operator")
    page = look(browser, machine, complaints, viewport=WIDE)
    page.on("dialog", lambda dialog: dialog.accept())
    enter(page, "carl")
    show(page, "/account")
    page.click("text=Make a token for a program")
    page.fill("#token-name", "backup")
    page.select_option("#role", "viewer")
    send(page.locator("button:has-text('Make token')"))
    program = machine.visitor()
    program.bearer = page.inner_text("code.secret")
    shoot(page, "account-token")
    assert program.ask("GET", "/api/v1/session").json()["name"] == "carl/backup"
    assert program.ask("GET", "/api/v1/firewall/rules").status == 200
    assert program.ask("POST", "/api/v1/dns/flush", {}).status == 403
    show_anew(page)
    assert program.bearer not in page.content()
    show(page, "/account")
    assert program.bearer not in page.content()
    send(page.get_by_role("button", name="Revoke backup of carl"))
    says(page.locator("#tokens"), "No program has a token")
    assert program.ask("GET", "/api/v1/firewall/rules").status == 401
    leave(page)
    page.context.close()


def test_a_session_that_somebody_else_holds_is_ended(
    browser: Browser, machine: Machine, admin: Visitor, complaints: list[str]
) -> None:
    dora = person(machine, admin, "dora")
    page = look(browser, machine, complaints, viewport=WIDE)
    enter(page, "dora")
    show(page, "/account")
    rows = page.locator("#sessions tbody tr")
    counts(rows, 2)
    assert dora.ask("GET", "/api/v1/firewall/rules").status == 200
    send(rows.locator("button"))
    counts(page.locator("#sessions tbody tr"), 1)
    assert dora.ask("GET", "/api/v1/firewall/rules").status == 401
    leave(page)
    page.context.close()


def test_an_administrator_makes_a_role_that_may_exactly_its_verbs(
    browser: Browser, machine: Machine, admin: Visitor, complaints: list[str]
) -> None:
    page = look(browser, machine, complaints, viewport=WIDE)
    page.on("dialog", lambda dialog: dialog.accept())
    enter(page, "admin")
    show(page, "/people")
    page.click("text=Add a role, or change one")
    page.fill("#role_name", "flusher")
    page.fill("#verbs", "dns.Flood")
    send(page.locator("button:has-text('Keep role')"))
    says(page.locator(".note.error"), "no verb of this router")
    assert page.input_value("#role_name") == "flusher"
    page.select_option("#base", "none")
    page.fill("#verbs", "dns.FlushCache")
    send(page.locator("button:has-text('Keep role')"))
    says(page.locator("#roles tbody"), "flusher")
    eva = person(machine, admin, "eva", "flusher")
    assert eva.ask("POST", "/api/v1/dns/flush", {}).status == 200
    for path in ("/api/v1/firewall/rules", "/api/v1/accounts", "/api/v1/dhcp/leases"):
        assert eva.ask("GET", path).status == 403, path
    assert_pages_follow_the_role(machine, admin)
    show(page, "/people")
    send(page.get_by_role("button", name="Disable: eva"))
    shoot(page, "people-more")
    assert eva.ask("POST", "/api/v1/dns/flush", {}).status == 401
    refused = machine.visitor().ask("POST", "/api/v1/session", {"name": "eva", "password": PASSWORD})
    assert refused.status == 403
    send(page.get_by_role("button", name="Enable: eva"))
    page.click("text=Change somebody's role")
    page.select_option("#role-account", "admin")
    page.select_option("#new-role", "viewer")
    send(page.locator("button:has-text('Change role')"))
    says(page.locator(".note.error"), "last administrator")
    send(page.get_by_role("button", name="Remove: eva"))
    send(page.get_by_role("button", name="Remove the role flusher"))
    says_not(page.locator("#roles tbody"), "flusher")
    leave(page)
    page.context.close()


def assert_pages_follow_the_role(machine: Machine, admin: Visitor) -> None:
    """Eva, who may flush the cache alone, and later look and add rules too, sees that much."""
    window = machine.visitor()
    answer = window.ask("POST", "/log-in", form={"name": "eva", "password": PASSWORD})
    assert answer.headers["Location"] == "/"
    assert window.ask("GET", "/").headers["Location"] == "/account"
    assert window.ask("GET", "/account").status == 200
    assert window.ask("GET", "/rules").status == 403
    more = {"base": "viewer", "verbs": ["dns.FlushCache", "firewall.AddRule"]}
    assert admin.ask("PUT", "/api/v1/roles/flusher", more).status == 200
    assert "Add a rule" in window.ask("GET", "/rules").text
    assert window.ask("GET", "/").status == 200
    assert "People" not in window.ask("GET", "/").text
    assert (
        admin.ask(
            "PUT", "/api/v1/roles/flusher", {**more, "base": "none", "verbs": ["dns.FlushCache"]}
        ).status
        == 200
    )


def test_nothing_that_was_secret_was_written_down(machine: Machine, admin: Visitor) -> None:
    """After all of the above: the audit log names who did what, and no password, code or token."""
    log = "".join(path.read_text() for path in Places.below(machine.root).log.iterdir() if path.is_file())
    for done in (
        "totp.Confirm",
        "tokens.Add",
        "tokens.Revoke",
        "sessions.End",
        "roles.Put",
        "accounts.Disable",
    ):
        assert f'"{done}"' in log, done
    assert '"actor": "anna"' in log
    assert PASSWORD not in log and "patronus_" not in log and "otpauth" not in log
