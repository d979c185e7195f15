# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from patronus.core.errors import InvalidRequest


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


def text_of(file: Path) -> str:
    """Return the text of a file that the user named. Raises InvalidRequest where it is none."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{file} is not text") from error


CONFIRM = click.option(
    "--confirm", "confirm_s", type=DurationType(), help="Revert unless confirmed within this time, e.g. 90s."
)
SURE = click.option("--yes", "sure", is_flag=True, help="Do not ask, whatever the change would stop.")
COMMENT = click.option("-m", "--comment", default="", help="Why; kept in the history.")
