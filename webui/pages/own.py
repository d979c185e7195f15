# SPDX-License-Identifier: GPL-2.0-or-later
"""What belongs to the visitor: password, second factor, API tokens, sessions.

A QR code, recovery codes and a token's text are in the answer to the form that made them, and nowhere else.
"""

from __future__ import annotations

from typing import Any

import segno
from flask import Blueprint, Response, flash, request, url_for

from patronus.core.errors import InvalidRequest, PatronusError
from webui.auth import visitor
from webui.daemon import daemon
from webui.pages.change import page, see

own = Blueprint("own", __name__, url_prefix="/account")

DAY_S = 86400.0


@own.get("")
def show() -> Response:
    """Show the own account."""
    return _page()


@own.post("/password")
def change_password() -> Response:
    """Change the own password."""
    form = request.form
    if form.get("new") != form.get("again"):
        return _page(InvalidRequest("the two passwords differ"))
    given = {"old": form.get("old", ""), "new": form.get("new", "")}
    return _do("accounts.ChangePassword", given, "Password changed.")


@own.post("/second-factor")
def begin_second_factor() -> Response:
    """Show the secret of a second factor, as a QR code and as text."""
    try:
        begun = daemon().call("totp.Begin", {"password": request.form.get("password", "")})
    except PatronusError as error:
        return _page(error)
    return _enrolment(begun["secret"], begun["uri"])


@own.post("/second-factor/confirm")
def confirm_second_factor() -> Response:
    """Take the first code of the app, and show the recovery codes."""
    form = request.form
    try:
        made = daemon().call("totp.Confirm", {"code": form.get("code", "")})
    except PatronusError as error:
        return _enrolment(form.get("secret", ""), form.get("uri", ""), error)
    return page("recovery_codes.html", codes=made["codes"], fresh=True)


@own.post("/second-factor/codes")
def renew_codes() -> Response:
    """Show new recovery codes."""
    try:
        made = daemon().call("totp.RenewCodes", _proof())
    except PatronusError as error:
        return _page(error)
    return page("recovery_codes.html", codes=made["codes"], fresh=False)


@own.post("/second-factor/end")
def end_second_factor() -> Response:
    """Ask for no code any more."""
    return _do("totp.End", _proof(), "A log-in asks for no code any more.")


@own.post("/tokens")
def add_token() -> Response:
    """Make an API token and show its text."""
    form = request.form
    try:
        days = int(form.get("days", ""))
        given = {"name": form.get("name", "").strip(), "role": form.get("role", ""), "life_s": days * DAY_S}
        made = daemon().call("tokens.Add", given)
    except ValueError:
        return _page(InvalidRequest("the days are a number"))
    except PatronusError as error:
        return _page(error)
    return _page(made=made)


@own.post("/tokens/revoke")
def revoke_token() -> Response:
    """Revoke an API token."""
    return _do("tokens.Revoke", {"id": request.form.get("id", "")}, "Token revoked.")


@own.post("/sessions/end")
def end_session() -> Response:
    """End a session."""
    return _do("sessions.End", {"id": request.form.get("id", "")}, "Session ended.")


def _proof() -> dict[str, str]:
    return {"password": request.form.get("password", ""), "code": request.form.get("code", "")}


def _enrolment(secret: str, uri: str, error: PatronusError | None = None) -> Response:
    if not uri.startswith("otpauth://"):
        return _page(InvalidRequest("begin the second factor anew"))
    picture = segno.make(uri, error="m").svg_inline(scale=5, border=3, light="white")
    return page("second_factor.html", error, secret=secret, uri=uri, picture=picture)


def _do(verb: str, given: dict[str, Any], said: str) -> Response:
    try:
        daemon().call(verb, given)
    except PatronusError as error:
        return _page(error)
    flash(said)
    return see(url_for("own.show"))


def _page(error: PatronusError | None = None, made: dict[str, Any] | None = None) -> Response:
    """Fill the page; ``made`` is a token whose text is shown this once."""
    found = visitor()
    roles = (
        [grant.name for grant in found.grants if grant.name not in ("viewer", "operator", "admin")]
        if found
        else []
    )
    tokens, sessions = daemon().call("tokens.List")["tokens"], daemon().call("sessions.List")["sessions"]
    return page("account.html", error, tokens=tokens, sessions=sessions, made=made, own_roles=roles)
