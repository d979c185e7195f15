# SPDX-License-Identifier: GPL-2.0-or-later
"""What a unit said before it ended, and how it ended: from the journal, as it is kept in this boot."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from patronus.core.errors import KernelError
from patronus.kernel.process import run as run_program

ENDED = "98e322203f7a4ed290d09fe03c09fe15"
"""What systemd notes when the program of a unit ends (systemd.journal-fields(7), sd-messages.h)."""
SYSTEMD = "1"
LINES = 3
WORDS = 250
"""How many lines are repeated, and how many characters of each: they have to fit on a console."""
LOOKED_AT = 1000
_FIELDS = "MESSAGE,MESSAGE_ID,EXIT_CODE,EXIT_STATUS,INVOCATION_ID,_SYSTEMD_INVOCATION_ID,_PID"
_NOISE = re.compile(
    r"\s|Traceback |Current thread |Thread 0x|Extension modules|During handling|The above exc"
)
"""Lines that tell a developer where, and nobody what: of Python's traces the message alone is kept."""

Entry = Mapping[str, Any]


def last_words(unit: str) -> str:
    """Return in words how the unit ended the last time in this boot, and what it said before."""
    command = ["journalctl", "--boot", "--quiet", "--no-pager", f"--unit={unit}", "--output=json"]
    try:
        said = run_program([*command, f"--lines={LOOKED_AT}", f"--output-fields={_FIELDS}"]).stdout
    except KernelError as error:
        return f"its journal cannot be read: {error}"
    return ending(list(_entries(said)))


def ending(entries: Sequence[Entry]) -> str:
    """Return the same from what the journal holds of a unit, oldest first. Pure.

    A unit that is started again and again may be under way once more: what counts is the last run that ended.
    """
    ends = [entry for entry in entries if entry.get("MESSAGE_ID") == ENDED]
    if not ends:
        return _quoted("it says", _told(entries) or _told(entries, by_systemd=True)[-1:])
    last = ends[-1]
    told = _told([entry for entry in entries if _run(entry) == _run(last)])
    how = "exit status" if last.get("EXIT_CODE") == "exited" else "signal"
    return f"it ended with {how} {_plain(last.get('EXIT_STATUS'))}; {_quoted('it said', told)}"


def _entries(said: str) -> Iterator[Entry]:
    for line in said.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def _run(entry: Entry) -> object:
    """Return which run of the unit an entry is of; systemd's own name it in another field than the unit's."""
    return entry.get("INVOCATION_ID") or entry.get("_SYSTEMD_INVOCATION_ID")


def _told(entries: Sequence[Entry], *, by_systemd: bool = False) -> list[str]:
    """Return the lines of the unit, or those of systemd about it."""
    return [
        str(entry.get("MESSAGE"))
        for entry in entries
        if (entry.get("_PID") == SYSTEMD) == by_systemd and isinstance(entry.get("MESSAGE"), str)
    ]


def _quoted(who: str, lines: Sequence[str]) -> str:
    """Return the last lines that say something, as one; what could move a screen's cursor is left out."""
    kept = [line for line in lines if line.strip() and not _NOISE.match(line)] or [*filter(str.strip, lines)]
    shown = " / ".join(_short(_plain(line)) for line in kept[-LINES:])
    return f"{who}: {shown or 'nothing'}"


def _short(line: str) -> str:
    """Return the two ends of a long line: what was done, and why it failed."""
    half = (WORDS - 3) // 2
    return line if len(line) <= WORDS else f"{line[:half]} … {line[-half:]}"


def _plain(value: object) -> str:
    return "".join(letter for letter in str(value).strip() if letter.isprintable())
