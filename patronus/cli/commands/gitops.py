# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus gitops``: the configuration from a git repository, seen from the router."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import click

from patronus.cli.session import Session, with_session
from patronus.core.errors import InvalidConfiguration, Unavailable
from patronus.core.problem import Problem

LONGEST_S = 180.0
LOOK_S = 0.5
WORDS = {
    "off": "No repository is named (gitops.yaml).",
    "waiting": "Nothing was fetched yet.",
    "unreachable": "The repository cannot be read; what runs stays.",
    "refused": "The newest commit is not taken; what ran before runs.",
    "applying": "A commit was applied and waits for its confirmation.",
    "drifted": "Files were changed here and are no longer as the repository has them.",
    "behind": "The newest commit is not applied.",
    "in-sync": "What runs is as the repository has it.",
}


@click.group()
def gitops() -> None:
    """Take the configuration from a git repository."""


@gitops.command()
@with_session
def status(session: Session) -> None:
    """Say how this router and its repository stand to each other, and what went wrong last."""
    result = session.call("gitops.Status")
    session.show(result, lambda: _render(session, result))


@gitops.command()
@with_session
def diff(session: Session) -> None:
    """Show what applying the repository's newest commit would change; nothing is written."""
    result = session.call("gitops.Diff")
    problems = [Problem.from_data(item) for item in result["problems"]]
    session.show(result, lambda: session.say(result["diff"].rstrip() or "No difference."))
    if problems:
        raise InvalidConfiguration(problems)


@gitops.command()
@click.option("--apply", "apply_it", is_flag=True, help="Also take the newest commit, whatever `mode` says.")
@with_session
def sync(session: Session, *, apply_it: bool) -> None:
    """Look into the repository now, wait for the end, and say what came of it.

    Example: patronus gitops sync && patronus gitops diff && patronus gitops sync --apply
    """
    before = session.call("gitops.Status")["runs"]
    session.call("gitops.Sync", apply=apply_it)
    session.say("Looking into the repository …")
    end = time.monotonic() + LONGEST_S
    while (result := session.call("gitops.Status"))["runs"] == before:
        if time.monotonic() > end:
            raise Unavailable("the look into the repository has not ended; see: patronus gitops status")
        time.sleep(LOOK_S)
    session.show(result, lambda: _render(session, result))
    if result["problems"] or result["error"]:
        raise click.exceptions.Exit(1)


def _render(session: Session, result: dict[str, Any]) -> None:
    session.say(f"{result['state']}: {WORDS[result['state']]}")
    if result["url"] is not None:
        where = f"{result['branch']}{', folder ' + result['folder'] if result['folder'] else ''}"
        signed = "signed commits alone" if result["signed"] else "signatures are not asked for"
        session.say(f"repository: {result['url']} ({where}), mode {result['mode']}, {signed}")
    newest, applied = result["newest"], result["applied"]
    if newest is not None:
        who = f"{newest['author']}{', signed by ' + newest['signer'] if newest['signer'] else ''}"
        session.say(f"newest:     {newest['id'][:12]} {newest['subject']} ({who})")
    if applied is not None:
        what = f"{applied['commit'][:12]} as generation {applied['generation']}"
        session.say(f"applied:    {what}, {_when(applied['time'])}")
    if result["fetched"] is not None:
        session.say(f"read last:  {_when(result['fetched'])}")
    if result["deploy_key"] is not None:
        session.say(f"log-in key: {result['deploy_key']}")
    for name in result["drift"]:
        session.say(f"changed here: {name}")
    for change in result["changes"] if result["state"] == "behind" else ():
        session.say(f"  would change {change}")
    if result["error"]:
        session.say(f"last error: {result['error']}")
    for problem in result["problems"]:
        session.say(problem["text"])


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


COMMANDS = (gitops,)
