# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus user`` and ``patronus role``: who may come in, and what a role may."""

from __future__ import annotations

import click

from patronus.cli.commands.secret import password
from patronus.cli.login import logged_in
from patronus.cli.session import Session, with_session

NAME = click.argument("name")
FIRST = "New password of {}"


@click.group()
def user() -> None:
    """Look after accounts; passwords are typed, or are the first line of what is piped in.

    Example: patronus user add anna --role operator
    """


@user.command(name="list")
@with_session
def list_users(session: Session) -> None:
    """List the accounts."""
    result = session.call("accounts.List")
    rows = [
        (item["name"], item["role"], item["second_factor"], "disabled" if item["disabled"] else "")
        for item in result["accounts"]
    ]
    heads = ("name", "role", "second factor", "")
    session.show(result, lambda: session.table(heads, rows, "There are no accounts."))


@user.command(name="add")
@NAME
@click.option("--role", required=True, help="viewer, operator, admin, or a role of your own.")
@with_session
def add_user(session: Session, name: str, role: str) -> None:
    """Add an account.

    Example: patronus user add anna --role operator
    """
    given = password(FIRST.format(name), confirm=True)
    session.call("accounts.Add", name=name, role=role, password=given)
    session.say(f"{name} may come in as {role}.")


@user.command(name="role")
@NAME
@click.argument("role")
@with_session
def change_role(session: Session, name: str, role: str) -> None:
    """Give an account another role."""
    session.call("accounts.ChangeRole", name=name, role=role)
    session.say(f"{name} is {role} now.")


@user.command(name="password")
@NAME
@with_session
def set_password(session: Session, name: str) -> None:
    """Give an account a new password; its sessions end."""
    session.call("accounts.SetPassword", name=name, password=password(FIRST.format(name), confirm=True))
    session.say(f"{name} has a new password.")


@user.command(name="own-password")
@NAME
@with_session
def own_password(session: Session, name: str) -> None:
    """Change your own password: the one until now is asked for, then the new one."""
    with logged_in(session, name) as person:
        new = password(FIRST.format(name), confirm=True)
        person.call("accounts.ChangePassword", old=person.password, new=new)
    session.say("Password changed; your other sessions have ended.")


@user.command()
@NAME
@with_session
def disable(session: Session, name: str) -> None:
    """Let an account in no more, nor its tokens; its sessions end."""
    session.call("accounts.Disable", name=name)
    session.say(f"{name} is disabled.")


@user.command()
@NAME
@with_session
def enable(session: Session, name: str) -> None:
    """Let a disabled account in again."""
    session.call("accounts.Enable", name=name)
    session.say(f"{name} may come in again.")


@user.command(name="remove")
@NAME
@with_session
def remove_user(session: Session, name: str) -> None:
    """Remove an account, its tokens and its sessions; never the last administrator."""
    session.call("accounts.Remove", name=name)
    session.say(f"{name} is removed.")


@click.group()
def role() -> None:
    """Look after roles of your own: a built-in role, and verbs beyond it."""


@role.command(name="list")
@with_session
def list_roles(session: Session) -> None:
    """List the roles; with --json, also every verb that each may call."""
    result = session.call("roles.List")
    rows = [
        (item["name"], "" if item["built_in"] else item["base"], item["verbs"], len(item["allows"]))
        for item in result["roles"]
    ]
    heads = ("name", "includes", "and", "verbs")
    session.show(result, lambda: session.table(heads, rows, "There are no roles."))


@role.command(name="set")
@NAME
@click.option("--base", type=click.Choice(["none", "viewer", "operator"]), default="none", show_default=True)
@click.option("--verb", "verbs", multiple=True, required=True, help="A verb or a pattern; several times.")
@with_session
def set_role(session: Session, name: str, base: str, verbs: tuple[str, ...]) -> None:
    """Add a role or change it.

    Example: patronus role set helpdesk --base viewer --verb 'dhcp.*' --verb firewall.Block
    """
    session.call("roles.Put", name=name, base=base, verbs=list(verbs))
    session.say(f"The role {name} is kept.")


@role.command(name="remove")
@NAME
@with_session
def remove_role(session: Session, name: str) -> None:
    """Remove a role that nobody has."""
    session.call("roles.Remove", name=name)
    session.say(f"The role {name} is removed.")


COMMANDS = (user, role)
