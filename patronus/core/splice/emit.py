# SPDX-License-Identifier: GPL-2.0-or-later
"""Plain values as new YAML or JSON text, in the manner of a person who writes these files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from patronus.core.errors import InvalidRequest
from patronus.core.text.yaml_tree import resolve

LINE = 100
"""Characters of the longest collection that is written in one line."""
_PLAIN = re.compile(r"[A-Za-z0-9_./@*+-]([A-Za-z0-9 _./@*+()<>=-]*[A-Za-z0-9_./@*+()<>=-])?")
_NOT_PLAIN = re.compile(r"[-*@.]$|^[*@]|^-[ -]|^(y|n|yes|no|on|off)$", re.I)


def normal(value: Any) -> Any:
    """Return a value as JSON data: tuples become lists. Raises InvalidRequest for what no file can hold."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: normal(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [normal(inner) for inner in value]
    raise InvalidRequest(f"{value!r} cannot be written to a configuration file")


def _quoted(text: str) -> str:
    """Return text in double quotes; YAML 1.2 section 5.7 knows all of these escapes."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escape(char) for char in quoted)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def scalar(value: Any) -> str:
    """Return a scalar in YAML; text is quoted wherever a reader, also one of YAML 1.1, could mistake it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    plain = _PLAIN.fullmatch(value) and not _NOT_PLAIN.search(value) and isinstance(resolve(value), str)
    return value if plain else _quoted(value)


def inline(value: Any) -> str:
    """Return any value in YAML's one-line form."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    return scalar(value)


def fits_inline(value: Any) -> bool:
    """Return whether a person would write the value in one line."""
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return False
    if isinstance(value, dict) and any(
        isinstance(inner, dict) or not fits_inline(inner) for inner in value.values()
    ):
        return False
    return not isinstance(value, dict | list) or len(inline(value)) <= LINE


def after_colon(value: Any, indent: int, *, block: bool = False) -> str:
    """Return what follows ``key:`` where the key stands at column ``indent``; no newline at the end."""
    if not (isinstance(value, dict | list) and value) or (fits_inline(value) and not block):
        return f" {inline(value)}"
    lines = mapping_lines(value, indent + 2) if isinstance(value, dict) else list_lines(value, indent + 2)
    return "\n" + "\n".join(lines)


def mapping_lines(value: dict[str, Any], indent: int) -> list[str]:
    """Return a mapping in block form, each key at column ``indent``."""
    pad = " " * indent
    text = "\n".join(f"{pad}{scalar(key)}:{after_colon(inner, indent)}" for key, inner in value.items())
    return text.split("\n")


def list_lines(items: list[Any], indent: int, *, flow: bool | None = None) -> list[str]:
    """Return list items in block form, each dash at column ``indent``; ``flow``: in one line."""
    return [line for item in items for line in item_text(item, indent, flow=flow).split("\n")]


def item_text(item: Any, indent: int, *, flow: bool | None = None) -> str:
    """Return one list item with its dash at column ``indent``."""
    short = fits_inline(item) and (not isinstance(item, dict) or len(item) <= 3) if flow is None else flow
    if short or not item or not isinstance(item, dict):
        return f"{' ' * indent}- {inline(item)}"
    lines = mapping_lines(item, indent + 2)
    return "\n".join([f"{' ' * indent}- {lines[0].lstrip()}", *lines[1:]])


@dataclass(frozen=True)
class Flow:
    """How a value is written inside brackets: the one-line form of YAML, or JSON."""

    json: bool

    def value(self, value: Any, indent: int | None = None) -> str:
        """Return the value; JSON in several lines where ``indent``, the column it starts at, is given."""
        if not self.json:
            return inline(value)
        if indent is None or not value:
            return json.dumps(value, ensure_ascii=False)
        return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n" + " " * indent)

    def member(self, key: str, value: Any, indent: int | None = None) -> str:
        """Return ``key: value``."""
        name = json.dumps(key, ensure_ascii=False) if self.json else scalar(key)
        return f"{name}: {self.value(value, indent)}"
