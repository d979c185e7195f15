# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from patronus.core.errors import InvalidRequest

F = TypeVar("F", bound=Callable[..., Any])


class DurationType(click.ParamType):
    """A duration as the files write it, ``90s`` or ``12h``; a bare number is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return seconds."""
        from patronus.core.values import parse_duration  # brings the whole of pydantic

        text = f"{value}s" if str(value).isascii() and str(value).isdigit() else value
        try:
            return parse_duration(text)
        except ValueError as error:
            self.fail(str(error), param, ctx)


SOURCE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
"""A file to read, or ``-`` for what is piped in."""
_PIPED = Path("-")


def text_of(file: Path) -> str:
    """Return the text of a SOURCE that the user named. Raises InvalidRequest where it is none."""
    try:
        data = sys.stdin.buffer.read() if file == _PIPED else file.read_bytes()
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{'what was piped in' if file == _PIPED else file} is not text") from error


def write_whole(file: Path, data: bytes, mode: int) -> None:
    """Write a file whole or not at all, in place of one that is there. Raises InvalidRequest."""
    temporary = file.with_name(f".{file.name}.new")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.rename(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InvalidRequest(f"{file} cannot be written: {error.strerror}") from error


CONFIRM = click.option(
    "--confirm", "confirm_s", type=DurationType(), help="Revert unless confirmed within this time, e.g. 90s."
)
SURE = click.option("--yes", "sure", is_flag=True, help="Do not ask, whatever the change would stop.")
COMMENT = click.option("-m", "--comment", default="", help="Why; kept in the history.")


def placed(command: F) -> F:
    """Give a command the options that say where an item shall stand in an order that matters."""
    command = click.option("--after", metavar="ID", help="Behind this one.")(command)
    command = click.option("--before", metavar="ID", help="Before this one.")(command)
    return click.option("--at", "index", type=click.IntRange(min=0), help="At this position, 0 is first.")(
        command
    )
