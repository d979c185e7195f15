# SPDX-License-Identifier: GPL-2.0-or-later
"""Other people's accounts and the roles of one's own, for administrators."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, request, url_for

from patronus.core.errors import PatronusError
from webui.daemon import daemon
from webui.pages.change import page, see
from webui.pages.forms import items

people = Blueprint("people", __name__, url_prefix="/people")

DEEDS = {
    "disable": ("accounts.Disable", "{} is disabled."),
    "enable": ("accounts.Enable", "{} may come in again."),
    "remove": ("accounts.Remove", "{} is removed."),
    "end-sessions": ("sessions.EndAll", "The sessions of {} have ended."),
    "reset-second-factor": ("totp.Reset", "{} logs in without a code until a new second factor is set up."),
}
"""What the buttons of an account do: verb, and what is said then."""


@people.get("")
def show() -> Response:
    """List accounts and roles."""
    return _page()


@people.post("/add")
def add() -> Response:
    """Add an account."""
    given = {key: request.form.get(key, "") for key in ("name", "role", "password")}
    return _do("accounts.Add", given, f"Account {given['name']} added.")


@people.post("/role")
def change_role() -> Response:
    """Give an account another role."""
    given = {key: request.form.get(key, "") for key in ("name", "role")}
    return _do("accounts.ChangeRole", given, f"{given['name']} is {given['role']} now.")


@people.post("/password")
def set_password() -> Response:
    """Give an account a new password."""
    given = {key: request.form.get(key, "") for key in ("name", "password")}
    return _do("accounts.SetPassword", given, f"{given['name']} has a new password.")


@people.post("/deed/<deed>")
def act(deed: str) -> Response:
    """Do what a button of an account says."""
    name = request.form.get("name", "")
    verb, said = DEEDS.get(deed, ("", ""))
    return _do(verb, {"name": name}, said.format(name)) if verb else _page()


@people.post("/roles")
def put_role() -> Response:
    """Add a role or change it."""
    form = request.form
    verbs = items(form.get("verbs", ""))
    given = {"name": form.get("role_name", "").strip(), "base": form.get("base", ""), "verbs": verbs}
    return _do("roles.Put", given, f"The role {given['name']} is kept.")


@people.post("/roles/remove")
def remove_role() -> Response:
    """Remove a role."""
    name = request.form.get("name", "")
    return _do("roles.Remove", {"name": name}, f"The role {name} is removed.")


def _do(verb: str, given: dict[str, Any], said: str) -> Response:
    try:
        daemon().call(verb, given)
    except PatronusError as error:
        return _page(error)
    flash(said)
    return see(url_for("people.show"))


def _page(error: PatronusError | None = None) -> Response:
    accounts, roles = daemon().call("accounts.List")["accounts"], daemon().call("roles.List")["roles"]
    return page("people.html", error, accounts=accounts, roles=roles, typed=request.form)
