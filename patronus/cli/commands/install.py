# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus install``: the system that runs, on another disk of this machine."""

from __future__ import annotations

import time
from typing import Any

import click

from patronus.cli.session import Session, with_session
from patronus.core.errors import Unavailable

LONGEST_S = 3 * 3600.0
LOOK_S = 0.5
GB = 1e9


@click.command()
@click.argument("disk", required=False)
@click.option("--yes", is_flag=True, help="Do not ask for the disk's name.")
@with_session
def install(session: Session, disk: str | None, *, yes: bool) -> None:
    """Install the running system on DISK, another disk of this machine; without DISK, list the disks.

    All that is on DISK is lost. It starts as a new router: nothing that this one keeps goes along.

    Example: patronus install sda
    """
    status = session.call("installer.Status")
    if disk is None:
        session.show(status, lambda: _list(session, status))
        return
    name = disk.removeprefix("/dev/")
    session.call("installer.Install", disk=name, typed=name if yes else _ask(status, name))
    _wait(session)


def _ask(status: dict[str, Any], name: str) -> str:
    """Ask for the disk's name once more; a disk that is not taken is refused without a question."""
    found = next((one for one in status["disks"] if one["name"] == name), None)
    if found is None or found["problems"]:
        return name
    what = f"{name} ({found['model']}, {found['bytes'] / GB:.1f} GB)"
    return str(click.prompt(f"All that is on {what} is lost. Type its name to go on"))


def _list(session: Session, status: dict[str, Any]) -> None:
    rows = [
        (
            one["name"],
            one["model"],
            f"{one['bytes'] / GB:.1f} GB",
            "; ".join(one["problems"]) or "can be taken",
        )
        for one in status["disks"]
    ]
    session.table(("disk", "model", "size", ""), rows, "This machine has no disk.")
    if status["state"] != "idle":
        session.say(_line(status))


def _line(status: dict[str, Any]) -> str:
    """Return how the last installation goes, to a tenth: a line each would fill a screen."""
    disk = status["disk"]
    if status["state"] == "failed":
        return f"The installation on {disk} failed: {status['error']}"
    if status["state"] == "done":
        return (
            f"{disk} has version {status['installed']}, read back and equal. Switch off "
            "(patronus power-off), take out what the router was started from, and start: it is a new router, "
            "with a set-up code on its console."
        )
    if not status["total"]:
        return f"{disk}: {status['step'] or 'looking at the disks'} …"
    return f"{disk}: {status['step']}: {100 * status['done'] // status['total'] // 10 * 10} %"


def _wait(session: Session) -> None:
    """Show how it goes until it ends; the exit code is 1 where it failed."""
    end, shown = time.monotonic() + LONGEST_S, ""
    while (status := session.call("installer.Status"))["state"] == "running":
        if time.monotonic() > end:
            raise Unavailable("the installation has not ended; see: patronus install")
        if (line := _line(status)) != shown:
            session.say(shown := line)
        time.sleep(LOOK_S)
    session.show(status, lambda: session.say(_line(status)))
    if status["state"] == "failed":
        raise click.exceptions.Exit(1)


COMMANDS = (install,)
