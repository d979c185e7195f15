# SPDX-License-Identifier: GPL-2.0-or-later
"""The secrets by name, and the vault that keeps them. What goes in here is never shown again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, request, url_for

from patronus.core.errors import InvalidRequest, PatronusError
from webui import auth
from webui.daemon import daemon
from webui.pages.change import page, see

secrets = Blueprint("secrets", __name__, url_prefix="/secrets")


@secrets.get("")
def show() -> Response:
    """List the secrets."""
    return _page()


@secrets.post("")
def store() -> Response:
    """Store a secret."""
    name = request.form.get("name", "").strip()
    text = request.form.get("secret", "").replace("\r\n", "\n")
    return _do("secrets.Set", {"name": name, "secret": text}, f"The secret {name} is stored.", name)


@secrets.post("/delete")
def delete() -> Response:
    """Delete a secret."""
    name = request.form.get("name", "")
    return _do("secrets.Delete", {"name": name}, f"The secret {name} is deleted.")


@secrets.post("/recovery-password")
def recovery_password() -> Response:
    """Set the recovery password."""
    form = request.form
    if form.get("password") != form.get("again"):
        return _page(InvalidRequest("the two passwords differ"))
    given = {"password": form.get("password", "")}
    return _do("secrets.SetRecoveryPassword", given, "The recovery password is set. Keep it somewhere else.")


@secrets.post("/rotate")
def rotate() -> Response:
    """Exchange the master key."""
    given = {"password": password} if (password := request.form.get("password")) else {}
    return _do("secrets.Rotate", given, "All secrets are under a new master key.")


@secrets.post("/unlock")
def unlock() -> Response:
    """Open the vault by its recovery password."""
    return _do("secrets.Unlock", {"password": request.form.get("password", "")}, "The secrets are open.")


@secrets.post("/start-over")
def start_over() -> Response:
    """Give up what cannot be opened."""
    return _do("secrets.StartOver", {}, "The locked secrets were set aside; the vault is empty.")


def _do(verb: str, given: dict[str, Any], said: str, name: str = "") -> Response:
    try:
        daemon().call(verb, given)
    except PatronusError as error:
        return _page(error, name)
    flash(said)
    return see(url_for("secrets.show"))


def _page(error: PatronusError | None = None, name: str = "") -> Response:
    if not auth.can("operator"):
        return page("secrets.html", error, listed=None, vault=None, name="")
    listed, vault = daemon().call("secrets.List"), daemon().call("secrets.Status")
    return page("secrets.html", error, listed=listed, vault=vault, name=name)
