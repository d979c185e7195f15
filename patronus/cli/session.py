# SPDX-License-Identifier: GPL-2.0-or-later
"""What every command has at hand: the connection, and the way the user wants to read results."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import click

from patronus.client import Client

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
PIPED_WIDTH = 10_000
"""Columns for another program, which takes a row for a line: nothing is folded."""


@dataclass
class Session:
    """One run of the command line."""

    client: Client
    as_json: bool = False
    draft: bool = False

    @cached_property
    def console(self) -> Console:
        """What lays tables and sentences out for a person."""
        from rich.console import Console  # takes longer to load than most commands take

        return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)

    def call(self, verb: str, /, **parameters: Any) -> dict[str, Any]:
        """Call a verb with the parameters that are not None, in the user's draft where they work in it."""
        given = {key: value for key, value in parameters.items() if value is not None}
        return self.client.call(verb, {**given, "draft": True} if self.draft else given)

    def show(self, result: Any, render: Callable[[], None]) -> None:
        """Print the result as JSON where asked, else as ``render`` does."""
        if self.as_json:
            print_json(result)
        else:
            render()

    def say(self, text: str) -> None:
        """Print one line for a person; JSON readers get nothing but JSON."""
        if self.as_json:
            return
        if sys.stdout.isatty():
            self.console.print(text, markup=False)
        else:
            click.echo(text)  # a line for a program stays one

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
        """Print rows under column heads, or the line ``empty`` where there are none."""
        listed = list(rows)
        if not listed:
            self.say(empty)
            return
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in listed:
            table.add_row(*(_cell(value) for value in row))
        self.console.print(table)


def _cell(value: Any) -> str:
    if value is None or value in ([], ""):
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("[", r"\[")


def print_json(value: Any) -> None:
    """Print a value as JSON for another program."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def with_session(command: Callable[Concatenate[Session, P], None]) -> Callable[P, None]:
    """Hand the session to a command as its first argument."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        command(click.get_current_context().find_object(Session) or Session(Client()), *args, **kwargs)

    return run
