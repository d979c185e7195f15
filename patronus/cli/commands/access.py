# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus token``, ``session`` and ``totp``: what lets a program or a person in."""

from __future__ import annotations

from datetime import datetime
from importlib.util import find_spec
from typing import Any

import click

from patronus.cli.commands.config import DurationType
from patronus.cli.commands.secret import password
from patronus.cli.login import CODE, logged_in
from patronus.cli.session import Session, with_session

ACCOUNT = click.argument("account")
FRESH = f"{CODE}, one that was not used yet"


@click.group()
def token() -> None:
    """Look after API tokens for programs."""


@token.command(name="list")
@with_session
def list_tokens(session: Session) -> None:
    """List the API tokens; their texts are not kept."""
    result = session.call("tokens.List")
    rows = [
        (item["id"], item["account"], item["name"], item["role"], _moment(item["expires"]))
        for item in result["tokens"]
    ]
    heads = ("id", "account", "name", "role", "expires")
    session.show(result, lambda: session.table(heads, rows, "There are no tokens."))


@token.command(name="add")
@click.argument("name")
@click.option("--account", help="Whose token it is; needed unless you act by a session of your own.")
@click.option("--role", required=True, help="What it may; never more than its account may.")
@click.option("--for", "life_s", type=DurationType(), default="30d", show_default=True, help="How long.")
@with_session
def add_token(session: Session, name: str, account: str | None, role: str, life_s: int) -> None:
    """Make an API token and print it, this once.

    Example: patronus token add backup --account anna --role viewer --for 90d
    """
    result = session.call("tokens.Add", name=name, account=account, role=role, life_s=life_s)
    session.show(result, lambda: session.say(result["token"]))


@token.command()
@click.argument("token_id", metavar="ID")
@with_session
def revoke(session: Session, token_id: str) -> None:
    """Revoke a token: it opens nothing from now on."""
    session.call("tokens.Revoke", id=token_id)
    session.say("The token is revoked.")


@click.group(name="session")
def sessions() -> None:
    """See who is logged in, and end it."""


@sessions.command(name="list")
@with_session
def list_sessions(session: Session) -> None:
    """List the sessions, the one last used first."""
    result = session.call("sessions.List")
    rows = [
        (item["id"], item["account"], item["origin"], f"{item['used_ago_s'] / 60:.0f} min ago")
        for item in result["sessions"]
    ]
    heads = ("id", "account", "from", "used")
    session.show(result, lambda: session.table(heads, rows, "Nobody is logged in."))


@sessions.command(name="end")
@click.argument("session_id", metavar="ID", required=False)
@click.option("--account", help="End all sessions of this account instead.")
@with_session
def end_session(session: Session, session_id: str | None, account: str | None) -> None:
    """End one session, or all of an account.

    Example: patronus session end --account anna
    """
    if (session_id is None) == (account is None):
        raise click.UsageError("give the ID of a session, or --account")
    if account is not None:
        session.call("sessions.EndAll", name=account)
    else:
        session.call("sessions.End", id=session_id)
    session.say("Ended.")


@click.group()
def totp() -> None:
    """Look after the second factor of an account: codes from an authenticator app."""


@totp.command(name="set-up")
@ACCOUNT
@with_session
def set_up(session: Session, account: str) -> None:
    """Set up a second factor for your account; the recovery codes are printed, this once.

    Example: patronus totp set-up anna
    """
    with logged_in(session, account) as person:
        begun = person.call("totp.Begin", password=person.password)
        click.echo(_picture(begun["uri"]), err=True)
        click.echo(f"Scan this with an authenticator app, or type the secret: {begun['secret']}", err=True)
        result = person.call("totp.Confirm", code=password("Code that the app shows"))
    _show_codes(session, result)


@totp.command()
@ACCOUNT
@with_session
def codes(session: Session, account: str) -> None:
    """Make new recovery codes for your account; the old ones open nothing any more."""
    with logged_in(session, account) as person:
        result = person.call("totp.RenewCodes", password=person.password, code=password(FRESH))
    _show_codes(session, result)


@totp.command()
@ACCOUNT
@with_session
def end(session: Session, account: str) -> None:
    """Ask for no code any more when you log in."""
    with logged_in(session, account) as person:
        person.call("totp.End", password=person.password, code=password(FRESH))
    session.say("A log-in asks for no code any more.")


@totp.command()
@ACCOUNT
@with_session
def reset(session: Session, account: str) -> None:
    """Take the second factor from an account whose owner has lost it; its sessions end."""
    session.call("totp.Reset", name=account)
    session.say(f"{account} logs in without a code until a new second factor is set up.")


def _show_codes(session: Session, result: dict[str, Any]) -> None:
    session.show(
        result, lambda: session.say("\n".join(["Recovery codes, each good once:", *result["codes"]]))
    )


def _picture(uri: str) -> str:
    """Return a QR code for a terminal; the address itself where the image has no segno."""
    if find_spec("segno") is None:
        return uri
    import segno

    rows = [list(row) for row in segno.make(uri, error="l").matrix_iter(border=2)]
    rows += [[0] * len(rows[0])] if len(rows) % 2 else []
    halves = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join("".join(halves[bool(a), bool(b)] for a, b in zip(*pair, strict=True)) for pair in pairs)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


COMMANDS = (token, sessions, totp)
