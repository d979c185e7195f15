# SPDX-License-Identifier: GPL-2.0-or-later
"""A problem in the configuration: where, what, what is allowed, and a hint.

Problems are collected, never raised one at a time; ``errors.InvalidConfiguration`` carries them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Path = tuple[str | int, ...]
"""Section first, then keys and list positions: ``("firewall/rules", "rules", 3, "destination_port")``."""


class Severity(StrEnum):
    """An error refuses the change; a warning is shown and lets it pass."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Location:
    """A place in a configuration file; ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def render_path(path: Path) -> str:
    """Return the path within its section: ``rules[3].destination_port``."""
    text = ""
    for part in path[1:]:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


@dataclass(frozen=True)
class Problem:
    """One finding about one value."""

    path: Path
    message: str
    value: Any = None
    allowed: str | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR
    location: Location | None = None

    def sort_key(self) -> tuple[str, int, str, str]:
        """Return the order in which a reader meets problems: file, line, path."""
        file = self.location.file if self.location else str(self.path[0] if self.path else "")
        return file, self.location.line if self.location else 0, render_path(self.path), self.message

    def render(self) -> str:
        """Return one line: ``firewall/rules.yaml:41 rules[3].destination_port: 70000 is not a port``."""
        where = str(self.location) if self.location else str(self.path[0] if self.path else "configuration")
        text = f"{where} {render_path(self.path)}".rstrip() + f": {self.message}"
        if self.allowed:
            text += f" ({self.allowed})"
        if self.hint:
            text += f"; {self.hint}"
        return f"warning: {text}" if self.severity is Severity.WARNING else text

    def as_data(self) -> dict[str, Any]:
        """Return the problem as JSON-ready data for the faces."""
        return {
            "file": self.location.file if self.location else None,
            "line": self.location.line if self.location else None,
            "column": self.location.column if self.location else None,
            "section": str(self.path[0]) if self.path else None,
            "path": render_path(self.path),
            "message": self.message,
            "value": self.value
            if isinstance(self.value, str | int | float | bool | None)
            else str(self.value),
            "allowed": self.allowed,
            "hint": self.hint,
            "severity": self.severity.value,
            "text": self.render(),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Problem:
        """Return the problem that ``as_data`` made; its path is the section and the rendered rest."""
        rest = (data["path"],) if data.get("path") else ()
        location = Location(data["file"], data["line"], data.get("column") or 1) if data.get("file") else None
        return cls(
            path=(data["section"], *rest) if data.get("section") else (),
            message=data["message"],
            value=data.get("value"),
            allowed=data.get("allowed"),
            hint=data.get("hint"),
            severity=Severity(data.get("severity", "error")),
            location=location,
        )
