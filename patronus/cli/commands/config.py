# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus config``: check, commit, confirm, compare and roll back generations."""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime
from pathlib import Path

import click

from patronus.cli.commands.draft import draft
from patronus.cli.commands.plan import (
    ask_if_it_breaks,
    describe_commit,
    describe_warnings,
    refuse_problems,
    say_plan,
    show_commit,
)
from patronus.cli.options import COMMENT, CONFIRM, SURE, DurationType, write_whole
from patronus.cli.session import Session, with_session

__all__ = ["COMMANDS", "CONFIRM", "DurationType", "describe_commit", "describe_warnings"]


@click.group()
def config() -> None:
    """Work with the configuration and its history."""


@config.command()
@with_session
def check(session: Session) -> None:
    """Say everything that is wrong with the files in /etc/patronus, and change nothing."""
    refuse_problems(session, session.call("config.Check"))


@config.command()
@CONFIRM
@with_session
def plan(session: Session, confirm_s: int | None) -> None:
    """Say what the files in /etc/patronus would change, and mean for who uses the router; change nothing.

    Example: patronus config plan
    """
    result = session.call("config.Plan", confirm_s=confirm_s)
    session.show(result, lambda: say_plan(session, result))


@config.command(name="load")
@COMMENT
@CONFIRM
@SURE
@with_session
def load(session: Session, comment: str, confirm_s: int | None, *, sure: bool) -> None:
    """Take the files in /etc/patronus as they are, as one change: all of it or nothing.

    What it would stop is said first; at a terminal, you are asked.

    Example: patronus config load -m "guest network" --confirm 90s
    """
    ask_if_it_breaks(session, lambda: session.call("config.Plan"), sure=sure)
    show_commit(session, session.call("config.Load", comment=comment, confirm_s=confirm_s))


@config.command()
@with_session
def confirm(session: Session) -> None:
    """Keep the change that waits for confirmation."""
    result = session.call("config.Confirm")
    session.show(result, lambda: session.say(f"Generation {result['generation']} is confirmed."))


@config.command()
@click.argument("generation", type=int)
@CONFIRM
@with_session
def rollback(session: Session, generation: int, confirm_s: int | None) -> None:
    """Make an earlier generation the running one again (as a new generation)."""
    show_commit(session, session.call("config.Rollback", generation=generation, confirm_s=confirm_s))


@config.command(name="log")
@click.option("-n", "--count", default=20, show_default=True, help="How many, newest first.")
@with_session
def history(session: Session, count: int) -> None:
    """List the generations: who changed what, when and why."""
    result = session.call("config.Log", count=count)
    rows = [
        (
            ("▶ " if item["current"] else "  ") + str(item["number"]),
            datetime.fromtimestamp(item["time"]).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            item["actor"],
            item["comment"],
            "" if item["confirmed"] else "not confirmed",
        )
        for item in result["generations"]
    ]
    heads = ("generation", "time", "by", "comment", "")
    session.show(result, lambda: session.table(heads, rows, "There is no generation yet."))


@config.command()
@click.argument("old", type=int)
@click.argument("new", type=int, required=False)
@with_session
def diff(session: Session, old: int, new: int | None) -> None:
    """Show what changed between two generations (the second is the running one unless given)."""
    result = session.call("config.Diff", old=old, new=new)
    session.show(result, lambda: session.say(result["diff"] or "No difference."))


@config.command()
@click.argument("generation", type=int, required=False)
@with_session
def show(session: Session, generation: int | None) -> None:
    """Print the files of a generation, the running one unless given."""
    result = session.call("config.Show", generation=generation)
    session.show(result, lambda: _render_files(session, result["files"]))


@config.command(name="export-git")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_session
def export_git(session: Session, file: Path) -> None:
    """Write the history of all generations to a file that git can clone; nothing secret is in it.

    Example: patronus config export-git history.bundle, then: git clone history.bundle
    """
    result = session.call("config.ExportGit")
    write_whole(file, b64decode(result.pop("bundle")), 0o644)
    count = len(result["generations"])
    session.show(result, lambda: session.say(f"{count} generations; git clone {file}"))


def _render_files(session: Session, files: dict[str, str]) -> None:
    for name, text in files.items():
        session.say(f"# ── {name}")
        session.say(text.rstrip() + "\n")


config.add_command(load, name="commit")
config.add_command(draft)

COMMANDS = (config,)
