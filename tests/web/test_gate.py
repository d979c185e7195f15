# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is let in where: strangers, viewers, forged forms, and the door of the set-up."""

from __future__ import annotations

import re
import socket
import ssl
from typing import Any

import pytest

from patronus.core.verb import Role
from tests.web.conftest import PASSWORD, PORT, Machine, Visitor
from webui.app import create_app

MANY = 20
"""Guesses that even a slow machine makes in less time than the last of them has to wait."""
OPEN_PAGES = {"/log-in", "/log-in/code", "/set-up", "/static/<path:filename>", "/static/htmx.js"}


def routes(machine: Machine) -> list[dict[str, Any]]:
    """Return every verb that has a REST form."""
    with machine.client() as client:
        return [verb for verb in client.describe() if verb["route"]]


def example(verb: dict[str, Any]) -> tuple[str, str]:
    """Return method and path of a route, with something in the place of each parameter."""
    method, _, path = verb["route"].partition(" ")
    kinds = {name: schema.get("type") for name, schema in verb["parameters"].get("properties", {}).items()}

    def something(match: re.Match[str]) -> str:
        return "1" if kinds.get(match[1]) == "integer" else "x1"

    return method, "/api/v1" + re.sub(r"{(\w+)}", something, path)


def test_a_stranger_gets_401_on_every_route_of_the_table(machine: Machine, admin: Visitor) -> None:
    found = routes(machine)
    assert len(found) > 40
    for visitor in (machine.visitor(), forged(machine)):
        for verb in found:
            if verb["role"] == "none":
                continue
            answer = visitor.ask(*example(verb))
            assert answer.status == 401, verb["name"]
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.headers["Content-Type"] == "application/problem+json"


def forged(machine: Machine) -> Visitor:
    visitor = machine.visitor()
    visitor.bearer = "A" * 43
    return visitor


def test_a_stranger_gets_401_on_every_page_and_beside_them(machine: Machine, admin: Visitor) -> None:
    pages = [rule for rule in create_app().url_map.iter_rules() if rule.rule not in OPEN_PAGES]
    assert len(pages) > 20
    stranger = machine.visitor()
    for rule in pages:
        path = re.sub(r"<int:\w+>", "1", re.sub(r"<(path:)?\w+>", "x", rule.rule))
        path = re.sub(r"<any\((\w+)[^>]*>", r"\1", path)
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            answer = stranger.ask(method, path)
            assert answer.status == 401, (method, path)
            assert "no telnet" not in answer.text
    for path in ("/nothing", "/api/v1/nothing", "/api/v1/", "/rules/../account", "/.git/config"):
        assert stranger.ask("GET", path).status == 401, path


def test_what_is_open_to_all_is_open(machine: Machine, admin: Visitor) -> None:
    stranger = machine.visitor()
    assert stranger.ask("GET", "/log-in").status == 200
    assert stranger.ask("GET", "/static/patronus.css").status == 200
    assert stranger.ask("GET", "/api/v1/set-up").json() == {"needed": False, "reason": None}
    assert [verb["name"] for verb in routes(machine) if verb["role"] == "none"] == [
        "accounts.FinishLogIn",
        "accounts.LogIn",
        "accounts.SetUp",
        "accounts.SetUpState",
    ]


def test_set_up_is_closed_for_ever_after_use(machine: Machine, admin: Visitor) -> None:
    stranger = machine.visitor()
    given = {"code": machine.code, "name": "second", "password": PASSWORD}
    assert stranger.ask("POST", "/api/v1/set-up", given).status == 409
    page = stranger.ask("POST", "/set-up", form={**given, "again": PASSWORD})
    assert (page.status, page.headers["Location"]) == (303, "/log-in")
    assert [a["name"] for a in admin.ask("GET", "/api/v1/accounts").json()["accounts"]] == ["admin"]


def test_a_viewer_looks_and_changes_nothing(machine: Machine, admin: Visitor) -> None:
    given = {"name": "vera", "role": "viewer", "password": PASSWORD}
    assert admin.ask("POST", "/api/v1/accounts", given).status == 200
    vera = machine.visitor()
    vera.bearer = vera.ask("POST", "/api/v1/session", {"name": "vera", "password": PASSWORD}).json()["token"]
    for verb in routes(machine):
        if Role[verb["role"].upper()] > Role.VIEWER:
            answer = vera.ask(*example(verb), If_Match="*")
            assert answer.status == 403, verb["name"]
    assert vera.ask("GET", "/api/v1/firewall/rules").status == 200
    assert vera.ask("GET", "/api/v1/session").json()["role"] == "viewer"
    assert admin.ask("DELETE", "/api/v1/accounts/vera").status == 200
    assert vera.ask("GET", "/api/v1/firewall/rules").status == 401


def test_the_session_cookie_is_bound_to_this_host(machine: Machine, page_visitor: Visitor) -> None:
    fresh = machine.visitor()
    answer = fresh.ask("POST", "/log-in", form={"name": "admin", "password": PASSWORD})
    assert len(answer.cookies) == 1
    parts = {part.strip().lower() for part in answer.cookies[0].split(";")[1:]}
    assert parts == {"secure", "httponly", "samesite=strict", "path=/"}
    assert answer.cookies[0].startswith("__Host-")


def test_a_form_without_its_proof_changes_nothing(page_visitor: Visitor, machine: Machine) -> None:
    before = page_visitor.ask("GET", "/api/v1/system/status").json()["generation"]
    good = page_visitor.csrf()
    wrong = ("0" if good[0] != "0" else "1") + good[1:]
    for form in ({}, {"csrf": ""}, {"csrf": wrong}):
        assert page_visitor.ask("POST", "/rules/r-1/delete", form=form).status == 403
    assert page_visitor.ask("POST", "/api/v1/config/confirm", {}).status == 403
    for headers in ({"Sec_Fetch_Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = page_visitor.ask("POST", "/rules/r-1/delete", form={"csrf": good}, **headers)
        assert answer.status == 403, headers
        assert machine.visitor().ask("POST", "/log-in", form={"name": "admin"}, **headers).status == 403
    assert page_visitor.ask("GET", "/api/v1/system/status").json()["generation"] == before
    proved = page_visitor.ask("POST", "/api/v1/dns/flush", {}, X_CSRF_Token=good)
    assert proved.status == 200, proved.text


def test_log_out_ends_the_session_in_the_daemon(machine: Machine, page_visitor: Visitor) -> None:
    stolen = machine.visitor()
    stolen.cookie = page_visitor.cookie
    assert stolen.ask("GET", "/rules").status == 200
    assert page_visitor.submit("/log-out").status == 303
    assert page_visitor.cookie is None
    assert stolen.ask("GET", "/rules").status == 401


def test_guessing_slows_down_and_another_source_does_not_wait(machine: Machine, admin: Visitor) -> None:
    guesser = machine.visitor("127.0.0.77")
    guess = {"name": "nobody", "password": "x"}
    answers = [guesser.ask("POST", "/api/v1/session", guess)]
    while answers[-1].status == 401 and len(answers) < MANY:
        answers.append(guesser.ask("POST", "/api/v1/session", guess))
    refused = answers[-1]
    assert (len(answers) > 1, refused.status) == (True, 429)
    assert int(refused.headers["Retry-After"]) >= 1
    other = machine.visitor("127.0.0.78")
    assert other.ask("POST", "/api/v1/session", {"name": "admin", "password": PASSWORD}).status == 200


def test_every_answer_carries_the_security_headers(
    machine: Machine, admin: Visitor, page_visitor: Visitor
) -> None:
    for visitor, path in (
        (machine.visitor(), "/"),
        (machine.visitor(), "/static/patronus.css"),
        (page_visitor, "/"),
        (page_visitor, "/nothing"),
        (admin, "/api/v1/system/status"),
    ):
        headers = visitor.ask("GET", path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        if not path.startswith("/static"):
            assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "evil"]
)
def test_the_log_in_leads_to_our_own_pages_alone(machine: Machine, admin: Visitor, target: str) -> None:
    form = {"name": "admin", "password": PASSWORD, "next": target}
    assert machine.visitor().ask("POST", "/log-in", form=form).headers["Location"] == "/"


def test_the_log_in_leads_back_to_the_page_that_was_wanted(machine: Machine, admin: Visitor) -> None:
    visitor = machine.visitor()
    assert 'name="next" value="/rules"' in visitor.ask("GET", "/rules").text
    form = {"name": "admin", "password": PASSWORD, "next": "/rules"}
    assert visitor.ask("POST", "/log-in", form=form).headers["Location"] == "/rules"


def test_only_tls_1_3_is_spoken(machine: Machine) -> None:
    def connect(version: ssl.TLSVersion) -> str | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = version
        with socket.create_connection(("127.0.0.1", PORT)) as plain, context.wrap_socket(plain) as secure:
            return secure.version()

    assert connect(ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises((ssl.SSLError, OSError)):
        connect(ssl.TLSVersion.TLSv1_2)
