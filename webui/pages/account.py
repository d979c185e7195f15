# SPDX-License-Identifier: GPL-2.0-or-later
"""Coming in and going out: set-up, log-in in one step or two, log-out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for

from patronus.core.errors import InvalidRequest, NotAuthenticated, PatronusError, SecondFactorNeeded
from webui import auth
from webui.daemon import daemon
from webui.pages.change import own_target, page, see
from webui.problem_details import headers_of, status_of

account = Blueprint("account", __name__)

NOBODY = ("new", "damaged")
"""Why set-up can be open while there is nobody who could log in."""


@account.route("/set-up", methods=("GET", "POST"))
def set_up() -> Response:
    """Make an administrator where set-up is open; else lead to the log-in."""
    state = daemon().call("accounts.SetUpState")
    if not state["needed"]:
        return see(url_for("account.log_in"))
    if request.method == "GET":
        return page("set_up.html", reason=state["reason"])
    form = request.form
    try:
        if form.get("password") != form.get("again"):
            raise InvalidRequest("the two passwords differ")
        given = {
            "code": form.get("code", ""),
            "name": form.get("name", ""),
            "password": form.get("password", ""),
        }
        entry = daemon().call("accounts.SetUp", given)
    except PatronusError as error:
        typed = {"name": form.get("name", ""), "code": form.get("code", "")}
        return page("set_up.html", error, reason=state["reason"], **typed)
    return _enter(entry, url_for("dashboard.show"))


@account.route("/log-in", methods=("GET", "POST"))
def log_in() -> Response:
    """Begin a session, or ask for a code."""
    if request.method == "GET":
        reason = _setup_reason()
        if reason in NOBODY:
            return see(url_for("account.set_up"))
        return page("log_in.html", next=_target(), reset=reason is not None)
    form = request.form
    try:
        entry = daemon().call(
            "accounts.LogIn", {"name": form.get("name", ""), "password": form.get("password", "")}
        )
    except SecondFactorNeeded as needed:
        return page("log_in_code.html", challenge=needed.challenge, next=_target())
    except PatronusError as error:
        return page("log_in.html", error, name=form.get("name", ""), next=_target())
    return _enter(entry, _target() or url_for("dashboard.show"))


@account.route("/log-in/code", methods=("GET", "POST"))
def log_in_code() -> Response:
    """Take the code of a log-in that wants one; without a challenge, begin with the password."""
    challenge = request.form.get("challenge", "")
    if not challenge:
        return see(url_for("account.log_in"))
    try:
        given = {"challenge": challenge, "code": request.form.get("code", "")}
        entry = daemon().call("accounts.FinishLogIn", given)
    except PatronusError as error:
        return page("log_in_code.html", error, challenge=challenge, next=_target())
    return _enter(entry, _target() or url_for("dashboard.show"))


@account.post("/log-out")
def log_out() -> Response:
    """End the session."""
    daemon().call("accounts.LogOut")
    response = see(url_for("account.log_in"))
    auth.forget(response)
    return response


def ask_to_log_in(error: NotAuthenticated) -> Response:
    """Answer a stranger: the set-up page while it is needed, else the log-in form, with status 401."""
    if _setup_reason() in NOBODY:
        return see(url_for("account.set_up"))
    wanted = request.full_path.removesuffix("?") if request.method == "GET" else None
    response = make_response(render_template("log_in.html", next=wanted), status_of(error), headers_of(error))
    if auth.COOKIE in request.cookies:
        auth.forget(response)
    return response


def _setup_reason() -> str | None:
    reason: str | None = daemon().call("accounts.SetUpState")["reason"]
    return reason


def _enter(entry: dict[str, Any], target: str) -> Response:
    response = see(target)
    auth.remember(response, entry["token"])
    return response


def _target() -> str | None:
    return own_target(request.values.get("next"))
