# SPDX-License-Identifier: GPL-2.0-or-later
"""Coming in and going out: set-up, log-in, log-out, the own password, other people's accounts."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for

from patronus.core.errors import InvalidRequest, NotAuthenticated, PatronusError
from webui import auth
from webui.daemon import daemon
from webui.pages.change import own_target, page, see
from webui.problem_details import headers_of, status_of

account = Blueprint("account", __name__)


@account.route("/set-up", methods=("GET", "POST"))
def set_up() -> Response:
    """Make the first administrator; once there is one, lead to the log-in."""
    if not _setup_needed():
        return see(url_for("account.log_in"))
    if request.method == "GET":
        return page("set_up.html")
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
        return page("set_up.html", error, name=form.get("name", ""), code=form.get("code", ""))
    return _enter(entry, url_for("dashboard.show"))


@account.route("/log-in", methods=("GET", "POST"))
def log_in() -> Response:
    """Begin a session."""
    if request.method == "GET":
        return see(url_for("account.set_up")) if _setup_needed() else page("log_in.html", next=_target())
    form = request.form
    try:
        entry = daemon().call(
            "accounts.LogIn", {"name": form.get("name", ""), "password": form.get("password", "")}
        )
    except PatronusError as error:
        return page("log_in.html", error, name=form.get("name", ""), next=_target())
    return _enter(entry, _target() or url_for("dashboard.show"))


@account.post("/log-out")
def log_out() -> Response:
    """End the session."""
    daemon().call("accounts.LogOut")
    response = see(url_for("account.log_in"))
    auth.forget(response)
    return response


@account.get("/account")
def show() -> Response:
    """Show the own account and, to administrators, all."""
    return _account_page()


@account.post("/account/password")
def change_password() -> Response:
    """Change the own password."""
    form = request.form
    if form.get("new") != form.get("again"):
        return _account_page(InvalidRequest("the two passwords differ"))
    return _do(
        "accounts.ChangePassword",
        {"old": form.get("old", ""), "new": form.get("new", "")},
        "Password changed.",
    )


@account.post("/account/add")
def add() -> Response:
    """Add an account."""
    given = {key: request.form.get(key, "") for key in ("name", "role", "password")}
    return _do("accounts.Add", given, f"Account {given['name']} added.")


@account.post("/account/remove")
def remove() -> Response:
    """Remove an account."""
    name = request.form.get("name", "")
    return _do("accounts.Remove", {"name": name}, f"Account {name} removed.")


def ask_to_log_in(error: NotAuthenticated) -> Response:
    """Answer a stranger: the set-up page while it is needed, else the log-in form, with status 401."""
    if _setup_needed():
        return see(url_for("account.set_up"))
    wanted = request.full_path.removesuffix("?") if request.method == "GET" else None
    response = make_response(render_template("log_in.html", next=wanted), status_of(error), headers_of(error))
    if auth.COOKIE in request.cookies:
        auth.forget(response)
    return response


def _do(verb: str, given: dict[str, Any], said: str) -> Response:
    try:
        daemon().call(verb, given)
    except PatronusError as error:
        return _account_page(error)
    flash(said)
    return see(url_for("account.show"))


def _account_page(error: PatronusError | None = None) -> Response:
    accounts = daemon().call("accounts.List")["accounts"] if auth.can("admin") else []
    return page("account.html", error, accounts=accounts)


def _setup_needed() -> bool:
    return bool(daemon().call("accounts.SetUpState")["needed"])


def _enter(entry: dict[str, Any], target: str) -> Response:
    response = see(target)
    auth.remember(response, entry["token"])
    return response


def _target() -> str | None:
    return own_target(request.values.get("next"))
