# SPDX-License-Identifier: GPL-2.0-or-later
"""A person at a terminal: runs a command on a pseudo-terminal and answers what it asks."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from collections.abc import Mapping

from tests.netns.daemon.machine import CHECKOUT, LONG_S, Machine, Said


def at_terminal(machine: Machine, answers: Mapping[str, str], *arguments: str) -> Said:
    """Run ``patronus``; each time a question of ``answers`` is the last thing on the screen, answer it.

    ``out`` holds all that the screen has shown.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        machine.command_line(*arguments), cwd=CHECKOUT, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "COLUMNS": "200", "TERM": "dumb"},
    )  # fmt: skip
    os.close(theirs)
    screen, asked = "", ""
    try:
        while select.select([ours], [], [], LONG_S)[0]:
            try:
                text = os.read(ours, 4096).decode()
            except OSError:  # EIO: the command has ended
                break
            screen, asked = screen + text, asked + text
            for question, answer in answers.items():
                # The space comes once nothing that is typed is shown any more.
                if asked.endswith(": ") and question in asked.rpartition("\n")[2]:
                    os.write(ours, f"{answer}\n".encode())
                    asked = ""
    finally:
        os.close(ours)
    return Said(process.wait(LONG_S), screen, "")
