# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands of third parties, found by their entry points; loaded only when one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "patronus.commands"


def found() -> dict[str, EntryPoint]:
    """Return the entry points by the names of their commands."""
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def load(point: EntryPoint) -> click.Command:
    """Return a plugin's command; one that cannot be loaded says so when it is called."""
    try:
        command = point.load()
        if isinstance(command, click.Command):
            return command
        reason = f"{point.value} is no command"
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
    return _broken(point.name, reason)


def _broken(name: str, reason: str) -> click.Command:
    def refuse() -> NoReturn:
        raise click.ClickException(f"the plugin's command {name} cannot be loaded: {reason}")

    return click.Command(name, callback=refuse, help=f"cannot be loaded: {reason}", add_help_option=False)
