# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus secret``: secrets go in by prompt or standard input, and never come out."""

from __future__ import annotations

import base64
import sys
from typing import Any

import click

from patronus.cli.session import Session, with_session
from patronus.core.errors import InvalidRequest


@click.group()
def secret() -> None:
    """Keep private keys and passwords that the configuration names.

    Example: wg genkey | patronus secret set wg-home
    """


@secret.command(name="list")
@with_session
def list_secrets(session: Session) -> None:
    """List the secrets by name, and where the configuration names them; values are never shown."""
    result = session.call("secrets.List")
    rows = [
        (item["name"], item["used_by"], "damaged" if item["damaged"] else "") for item in result["secrets"]
    ]
    rows += [(item["name"], item["used_by"], "missing") for item in result["missing"]]
    session.show(result, lambda: session.table(("name", "used by", ""), rows, "There are no secrets."))


@secret.command(name="set")
@click.argument("name")
@click.option("--exact", is_flag=True, help="Keep a line end at the end of what is piped in.")
@with_session
def set_secret(session: Session, name: str, exact: bool) -> None:  # noqa: FBT001
    """Store a secret: typed at the prompt, or piped in. It is never an argument.

    Example: patronus secret set pppoe-password
    """
    session.call("secrets.Set", name=name, **_encoded(_given(name, exact=exact)))
    session.say(f"The secret {name} is stored.")


def _given(name: str, *, exact: bool) -> bytes:
    if sys.stdin.isatty():
        typed: str = click.prompt(f"Secret {name}", hide_input=True, confirmation_prompt=True)
        return typed.encode()
    data = sys.stdin.buffer.read()
    return data if exact else data.removesuffix(b"\n").removesuffix(b"\r")


def _encoded(value: bytes) -> dict[str, str]:
    if not value:
        raise InvalidRequest("nothing was given")
    try:
        return {"secret": value.decode(), "encoding": "text"}
    except UnicodeDecodeError:
        return {"secret": base64.b64encode(value).decode(), "encoding": "base64"}


@secret.command()
@click.argument("name")
@with_session
def delete(session: Session, name: str) -> None:
    """Delete a secret that the configuration does not name."""
    session.call("secrets.Delete", name=name)
    session.say(f"The secret {name} is deleted.")


@secret.command()
@with_session
def status(session: Session) -> None:
    """Say whether the secrets are open, what protects them, and which are damaged."""
    result = session.call("secrets.Status")
    session.show(result, lambda: _render(session, result))


def _render(session: Session, result: dict[str, Any]) -> None:
    if result["state"] == "empty":
        session.say("No secret was ever stored.")
        return
    session.say(f"The secrets are {result['state']}." if result["state"] == "open" else str(result["reason"]))
    session.say(f"The master key is sealed with {result['protection'] or 'nothing: its file is missing'}.")
    if result["tpm"] and "TPM" not in (result["protection"] or "TPM"):
        session.say("This router has a TPM; patronus secret rotate seals the master key with it as well.")
    if not result["tpm"]:
        session.say("This router has no TPM: whoever takes its disk can open the secrets.")
    if not result["recovery"]:
        session.say("No recovery password is set: patronus secret recovery-password")
    if result["rotating"]:
        session.say("An exchange of the master key was broken off: patronus secret rotate")
    for name in result["damaged"]:
        session.say(f"damaged: {name}.enc")


@secret.command()
@with_session
def rotate(session: Session) -> None:
    """Exchange the master key and encrypt every secret anew."""
    has_recovery = session.call("secrets.Status")["recovery"]
    given = password("Recovery password") if has_recovery else None
    result = session.call("secrets.Rotate", password=given)
    session.show(result, lambda: session.say(f"{result['secrets']} secrets are under a new master key."))


@secret.command(name="recovery-password")
@with_session
def recovery_password(session: Session) -> None:
    """Set the password that opens the secrets where the device cannot, after a new mainboard for example."""
    session.call("secrets.SetRecoveryPassword", password=password("New recovery password", confirm=True))
    session.say("The recovery password is set. Keep it somewhere else.")


@secret.command()
@with_session
def unlock(session: Session) -> None:
    """Open the secrets with the recovery password, and seal them to this device."""
    session.call("secrets.Unlock", password=password("Recovery password"))
    session.say("The secrets are open.")


@secret.command(name="start-over")
@click.confirmation_option(prompt="Give up all secrets that cannot be opened?")
@with_session
def start_over(session: Session) -> None:
    """Set secrets aside that nobody can open any more, and begin anew."""
    result = session.call("secrets.StartOver")
    session.show(result, lambda: session.say(f"They lie in {result['folder']}; the vault is empty."))


def password(what: str, *, confirm: bool = False) -> str:
    """Return a password that is typed, or the first line of what is piped in."""
    if sys.stdin.isatty():
        typed: str = click.prompt(what, hide_input=True, confirmation_prompt=confirm)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


COMMANDS = (secret,)
