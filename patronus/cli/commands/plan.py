# SPDX-License-Identifier: GPL-2.0-or-later
"""How commands say what a change would do and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from patronus.cli.session import Session
from patronus.core.errors import InvalidConfiguration
from patronus.core.problem import Problem, Severity

FLOWS_SHOWN = 20


def refuse_problems(session: Session, result: dict[str, Any]) -> None:
    """Show what was checked; errors among its problems are raised, so that they look as everywhere else.

    Raises InvalidConfiguration.
    """
    problems = [Problem.from_data(item) for item in result["problems"]]
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    session.show(result, lambda: _say_check(session, problems, result["changes"], sound=not errors))
    if errors and not session.as_json:
        raise InvalidConfiguration(errors)
    if errors:
        raise SystemExit(1)


def _say_check(session: Session, problems: list[Problem], changes: list[str], *, sound: bool) -> None:
    for problem in problems:
        if problem.severity is Severity.WARNING:
            session.say(problem.render())
    if sound:
        session.say("The files are sound.")
    for change in changes:
        session.say(f"  would {change}")


def say_plan(session: Session, result: dict[str, Any]) -> None:
    """Say what a change would do, feature by feature, and what it would mean for who uses the router."""
    describe_warnings(session, result)
    if not result["features"]:
        session.say("Nothing would change.")
        return
    for feature in result["features"]:
        session.say(f"{feature['feature']}" + ("" if feature["changes"] else ": follows the others"))
        for change in feature["changes"]:
            session.say(f"  {change['text']}")
    say_consequences(session, result["consequences"])
    if result["confirm_within_s"] is not None:
        session.say(f"It would revert in {result['confirm_within_s']:.0f} s unless confirmed.")


def say_consequences(session: Session, consequences: list[dict[str, Any]]) -> None:
    """Say what would go on working, then what would not, with the verdicts."""
    working = [one["what"] for one in consequences if one["works"] and one["kind"] != "flow"]
    if working:
        session.say(f"Will work: {', '.join(working)}.")
    changed = [one for one in consequences if not one["works"] or one["kind"] == "flow"]
    for one in changed[:FLOWS_SHOWN]:
        word = "OPENS" if one["works"] else "STOPS"
        session.say(f"{word}: {one['what']}: {one['before']}, then {one['after']}")
    if len(changed) > FLOWS_SHOWN:
        session.say(f"and {len(changed) - FLOWS_SHOWN} more; --json lists them")


def ask_if_it_breaks(session: Session, plan: Callable[[], dict[str, Any]], *, sure: bool) -> None:
    """Say what a change would stop; at a terminal, go on only if the user wants that.

    Raises click.Abort where they do not.
    """
    if session.as_json or session.draft:
        return
    planned = plan()
    if not planned["breaks"]:
        return
    say_consequences(session, [one for one in planned["consequences"] if not one["works"]])
    if not sure and sys.stdin.isatty():
        click.confirm("Go on?", abort=True)


def describe_warnings(session: Session, result: dict[str, Any]) -> None:
    """Say what a person should know about a change that was made."""
    for warning in result["warnings"]:
        session.say(warning["text"])


def describe_commit(session: Session, result: dict[str, Any]) -> None:
    """Say what came of a change, for a person."""
    describe_warnings(session, result)
    if result.get("draft"):
        session.say(f"It is in your draft with {len(result['changes'])} changes: patronus config draft plan")
        return
    session.say(f"Generation {result['generation']} runs.")
    if result["confirm_within_s"] is not None:
        session.say(
            f"It reverts in {result['confirm_within_s']:.0f} s unless you run: patronus config confirm"
        )


def show_commit(session: Session, result: dict[str, Any]) -> None:
    """Show what came of a change."""
    session.show(result, lambda: describe_commit(session, result))
