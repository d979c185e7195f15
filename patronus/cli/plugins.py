# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands of third parties, found by their entry points; loaded only when one is asked for."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import NoReturn

import click

GROUP = "patronus.commands"


class Commands(click.Group):
    """Our own commands, and after them those of plugins; ours are never hidden by one of the same name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *_points()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; one that cannot be loaded says so when it is called."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        point = _points().get(cmd_name)
        return None if point is None else _load(point)


def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _load(point: EntryPoint) -> click.Command:
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
