# SPDX-License-Identifier: GPL-2.0-or-later
"""A transaction of nftables that was refused, in words: the command at fault, what the kernel lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Command = Mapping[str, Any]
_SHOWN = 300
"""Characters of a refused command that an error repeats."""
_NOT_THERE = "No such file or directory"
_MODULES = {"queue": "nft_queue", "flow": "nft_flow_offload"}
"""Statement → the module of the kernel that it is made of; few kernels lack others."""


def refused(command: Command | None, reason: str) -> str:
    """Return why a transaction was refused, with the command at fault where it is known."""
    if command is None:
        return f"nftables refused the batch: {reason}"
    said = f"nftables refused {_shown(command)}: {reason}"
    lacking = [_MODULES[name] for name in _statements(command) if name in _MODULES]
    if lacking and _NOT_THERE in reason:
        return f"{said}: this kernel has no {lacking[0]}"
    return said


def first_line(error: str) -> str:
    """Return libnftables' first complaint without its place, which is always 0:0-0 for JSON."""
    lines = [line.partition("Error: ")[2] or line for line in error.splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"


def _statements(command: Command) -> Iterator[str]:
    for fields in (what["rule"] for what in command.values() if "rule" in what):
        for statement in fields.get("expr", ()):
            yield from statement


def _shown(command: Command) -> str:
    return json.dumps(command, ensure_ascii=False, default=list)[:_SHOWN]
