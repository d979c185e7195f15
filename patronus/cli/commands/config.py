# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus config``: check, commit, confirm, compare and roll back generations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from patronus.cli.session import Session, with_session
from patronus.core.errors import InvalidConfiguration
from patronus.core.problem import Problem
from patronus.core.values import parse_duration


class DurationType(click.ParamType):
    """A duration as the files write it: ``90s``, ``12h``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return seconds."""
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


CONFIRM = click.option(
    "--confirm", "confirm_s", type=DurationType(), help="Revert unless confirmed within this time, e.g. 90s."
)
COMMENT = click.option("-m", "--comment", default="", help="Why; kept in the history.")


@click.group()
def config() -> None:
    """Work with the configuration and its history."""


@config.command()
@with_session
def check(session: Session) -> None:
    """Say everything that is wrong with the files in /etc/patronus, and change nothing."""
    result = session.call("config.Check")
    problems = [Problem.from_data(item) for item in result["problems"]]
    session.show(result, lambda: _render_check(session, problems, result["changes"]))
    if any(problem.severity.value == "error" for problem in problems):
        raise InvalidConfiguration([problem for problem in problems if problem.severity.value == "error"])


def _render_check(session: Session, problems: list[Problem], changes: list[str]) -> None:
    for problem in problems:
        if problem.severity.value == "warning":
            session.say(problem.render())
    if not any(problem.severity.value == "error" for problem in problems):
        session.say("The files are sound.")
    for change in changes:
        session.say(f"  would {change}")


@config.command()
@COMMENT
@CONFIRM
@with_session
def commit(session: Session, comment: str, confirm_s: int | None) -> None:
    """Take the files in /etc/patronus as they are, as one change: all of it or nothing.

    Example: patronus config commit -m "guest network" --confirm 90s
    """
    _render_commit(session, session.call("config.Load", comment=comment, confirm_s=confirm_s))


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
    _render_commit(session, session.call("config.Rollback", generation=generation, confirm_s=confirm_s))


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
@with_session
def show(session: Session) -> None:
    """Print the files of the running generation."""
    result = session.call("config.Show")
    session.show(result, lambda: _render_files(session, result["files"]))


def _render_files(session: Session, files: dict[str, str]) -> None:
    for name, text in files.items():
        session.say(f"# ── {name}")
        session.say(text.rstrip() + "\n")


def _render_commit(session: Session, result: dict[str, Any]) -> None:
    session.show(result, lambda: describe_commit(session, result))


def describe_warnings(session: Session, result: dict[str, Any]) -> None:
    """Say what a person should know about a change that was made."""
    for warning in result["warnings"]:
        session.say(warning["text"])


def describe_commit(session: Session, result: dict[str, Any]) -> None:
    """Say what came of a change, for a person."""
    describe_warnings(session, result)
    session.say(f"Generation {result['generation']} runs.")
    if result["confirm_within_s"] is not None:
        session.say(
            f"It reverts in {result['confirm_within_s']:.0f} s unless you run: patronus config confirm"
        )


COMMANDS = (config,)
