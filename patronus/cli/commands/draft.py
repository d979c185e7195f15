# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus config draft``: changes that are collected before they are one commit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from patronus.cli.commands.plan import ask_if_it_breaks, refuse_problems, say_plan, show_commit
from patronus.cli.options import COMMENT, CONFIRM, SOURCE, SURE, text_of
from patronus.cli.session import Session, with_session
from patronus.core.errors import NotFound

OWNER = click.option("--of", "owner", help="Whose draft, yours by default; 'by hand' for refused edits.")


def _inside(session: Session) -> Session:
    return replace(session, draft=True)


@click.group(invoke_without_command=True)
@click.pass_context
def draft(context: click.Context) -> None:
    """Collect changes in a draft and commit them together; without a command, show it.

    \b
    patronus --draft rules add --protocol tcp --port 25 --action drop
    patronus config draft plan
    patronus config draft commit -m "no mail" --confirm 90s
    """  # noqa: D301
    if context.invoked_subcommand is None:
        context.invoke(show)


@draft.command()
@OWNER
@with_session
def show(session: Session, owner: str | None = None) -> None:
    """Show the draft: what it changes and what is wrong with it."""
    result = session.call("config.Draft", owner=owner)
    session.show(result, lambda: _say(session, result))


def _say(session: Session, result: dict[str, Any]) -> None:
    if not result["exists"]:
        session.say(f"{result['owner']} has no draft.")
        return
    session.say(f"The draft of {result['owner']}, on generation {result['base']}, changes:")
    for change in result["changes"] or ["nothing yet"]:
        session.say(f"  {change}")
    for problem in result["problems"]:
        session.say(problem["text"])
    if result["behind"]:
        session.say("Others have changed its files since; the commit merges, or names what cannot be merged.")


@draft.command(name="list")
@with_session
def listed(session: Session) -> None:
    """List all drafts."""
    result = session.call("config.ListDrafts")
    rows = [(item["owner"], item["base"], item["files"]) for item in result["drafts"]]
    session.show(result, lambda: session.table(("of", "generation", "files"), rows, "There is no draft."))


@draft.command()
@with_session
def start(session: Session) -> None:
    """Begin a draft; the one that you have goes on."""
    result = session.call("config.StartDraft")
    session.show(result, lambda: _say(session, result))


@draft.command()
@click.argument("name")
@click.option("--from", "source", type=SOURCE)
@with_session
def edit(session: Session, name: str, source: Path | None) -> None:
    """Edit a file of the draft, firewall/rules.yaml for one, in your editor, or take it from another file.

    Example: patronus config draft edit firewall/rules.yaml --from -, for what is piped in
    """
    if source is not None:
        text: str | None = text_of(source)
    else:
        text = click.edit(_files(session).get(name, ""), extension=Path(name).suffix)
    if text is None:
        session.say("Nothing was changed.")
        return
    show_commit(session, _inside(session).call("config.Load", files={name: text}))


def _files(session: Session) -> dict[str, str]:
    files: dict[str, str] = _inside(session).call("config.Show")["files"]
    return files


@draft.command()
@with_session
def check(session: Session) -> None:
    """Say everything that is wrong with the draft."""
    _need(session)
    refuse_problems(session, _inside(session).call("config.Check"))


@draft.command()
@CONFIRM
@with_session
def plan(session: Session, confirm_s: int | None) -> None:
    """Say what the draft would change, and mean for who uses the router; change nothing."""
    _need(session)
    result = _inside(session).call("config.Plan", confirm_s=confirm_s)
    session.show(result, lambda: say_plan(session, result))


@draft.command()
@with_session
def diff(session: Session) -> None:
    """Show how the files would differ from those that run."""
    _need(session)
    running = session.call("system.Status")["generation"]
    result = _inside(session).call("config.Diff", old=running)
    session.show(result, lambda: session.say(result["diff"] or "No difference."))


@draft.command()
@COMMENT
@CONFIRM
@OWNER
@SURE
@with_session
def commit(session: Session, comment: str, confirm_s: int | None, owner: str | None, *, sure: bool) -> None:
    """Commit the draft as one change; what others changed meanwhile is merged.

    What it would stop is said first; at a terminal, you are asked.
    """
    if owner is None:
        _need(session)
        ask_if_it_breaks(session, lambda: _inside(session).call("config.Plan"), sure=sure)
    show_commit(
        session, session.call("config.CommitDraft", comment=comment, confirm_s=confirm_s, owner=owner)
    )


@draft.command()
@OWNER
@with_session
def discard(session: Session, owner: str | None) -> None:
    """Throw the draft away."""
    result = session.call("config.DiscardDraft", owner=owner)
    session.show(result, lambda: session.say("The draft is gone."))


def _need(session: Session) -> None:
    """Refuse to speak of a draft that is not there. Raises NotFound."""
    found = session.call("config.Draft")
    if not found["exists"]:
        raise NotFound(f"{found['owner']} has no draft")
