# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus update``: new versions of the system, signed by its owner."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from patronus.cli.session import Session, with_session
from patronus.core.errors import Unavailable

LONGEST_S = 12 * 3600.0
LOOK_S = 0.5
MIB = 1 << 20


@click.group()
def update() -> None:
    """Bring in a new version of the system, or go back to the one before."""


def source_option(command: Any) -> Any:
    """Take a source other than the configured one."""
    text = "https://host/folder, or a folder on this machine; else [update] source."
    return click.option("--source", help=text, callback=lambda _, __, value: _url(value))(command)


def _url(given: str | None) -> str | None:
    """Return a folder's name as a URL; URLs stay."""
    return given if given is None or "://" in given else Path(given).resolve().as_uri()


@update.command()
@with_session
def status(session: Session) -> None:
    """Say which versions are on this router, and how the last update goes."""
    result = session.call("update.Status")
    session.show(result, lambda: _render(session, result))


@update.command()
@source_option
@with_session
def check(session: Session, source: str | None) -> None:
    """Look which versions the source has, and say what would refuse them.

    Example: patronus update check --source /run/media/stick
    """
    session.call("update.Check", source=source)
    _wait(session)


@update.command()
@source_option
@click.option("--version", help="Take this version; else the newest.")
@click.option("--allow-downgrade", is_flag=True, help="Take an older version than runs.")
@click.option("--again", is_flag=True, help="Take a version that was refused.")
@click.option("--reboot", is_flag=True, help="Restart into it at once.")
@with_session
def apply(
    session: Session,
    *,
    source: str | None,
    version: str | None,
    allow_downgrade: bool,
    again: bool,
    reboot: bool,
) -> None:
    """Bring a version into the other slot; it runs after the next restart.

    Example: patronus update apply --version 0.2.0 --reboot
    """
    session.call("update.Apply", source=source, version=version, allow_downgrade=allow_downgrade, again=again)
    _wait(session)
    if reboot:
        session.call("system.Reboot")


@update.command()
@click.option("--reboot", is_flag=True, help="Restart at once.")
@click.confirmation_option(prompt="Go back to the other version, and take this one no more?")
@with_session
def rollback(session: Session, *, reboot: bool) -> None:
    """Start the other version at the next restart, and take the one that runs no more.

    Example: patronus update rollback --yes --reboot
    """
    result = session.call("update.RollBack")
    session.show(result, lambda: session.say(f"Version {result['installed']} runs after a restart."))
    if reboot:
        session.call("system.Reboot")


@update.command()
@with_session
def health(session: Session) -> None:
    """Look whether the router does all that a healthy one does; the exit code is 1 where it does not.

    Example: patronus update health
    """
    result = session.call("update.Health")
    session.show(result, lambda: _say_health(session, result["findings"]))
    if not result["healthy"]:
        raise click.exceptions.Exit(1)


def _say_health(session: Session, findings: list[dict[str, Any]]) -> None:
    for found in findings:
        session.say(f"{'well' if found['well'] else 'ILL '}  {found['name']}: {found['said']}")


@update.command()
@with_session
def automatic(session: Session) -> None:
    """Take one turn of automatic updates, as the timer does within [update] window.

    Example: patronus update automatic
    """
    result = session.call("update.Automatic")
    session.show(result, lambda: session.say(result["done"]))


def _wait(session: Session) -> None:
    """Show how the task goes until it ends; the exit code is 1 where it failed."""
    end, shown = time.monotonic() + LONGEST_S, ""
    while (result := session.call("update.Status"))["state"] == "running":
        if time.monotonic() > end:
            raise Unavailable("the update has not ended; see: patronus update status")
        if (line := _progress(result)) != shown:
            session.say(shown := line)
        time.sleep(LOOK_S)
    session.show(result, lambda: _render(session, result))
    if result["state"] == "failed":
        raise click.exceptions.Exit(1)


def _progress(result: dict[str, Any]) -> str:
    """Return how far a task is, to a tenth: a line each would fill a screen."""
    if not result["total"]:
        return f"{result['step'] or 'looking at the slots'} …"
    tenths = 10 * result["done"] // result["total"]
    return f"{result['step']}: {10 * tenths} % of {result['total'] // MIB} MiB"


def _render(session: Session, result: dict[str, Any]) -> None:
    good = {True: "has proved itself", False: "has not proved itself yet", None: "slots are not known"}
    session.say(f"version {result['running']} runs ({good[result['good']]})")
    for system in result["systems"]:
        if not system["running"]:
            state = "failed" if system["failed"] else "good" if system["tries_left"] is None else "new"
            session.say(f"the other slot has version {system['version']} ({state})")
    session.say(f"source: {result['source'] or 'none ([update] source in patronus.toml)'}")
    for version, why in result["refused"].items():
        session.say(f"version {version} is refused: {why}")
    for offer in result["offers"]:
        session.say(f"offered: {offer['version']}, {offer['download_bytes'] // MIB} MiB")
        for problem in offer["problems"]:
            session.say(f"  {problem}")
    if result["state"] == "running":
        session.say(_progress(result))
    if result["state"] == "done" and result["step"] == "up to date":
        session.say("The source has nothing newer.")
    if result["error"]:
        session.say(f"{result['task']} failed: {result['error']}")
    if result["installed"]:
        session.say(f"version {result['installed']} runs after a restart: patronus reboot")


COMMANDS = (update,)
