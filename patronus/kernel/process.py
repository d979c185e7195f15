# SPDX-License-Identifier: GPL-2.0-or-later
"""The one door for other programs: argument lists, a clean environment, a time limit, a useful error.

No shell ever reads what we run. What the error shows can be pasted into one; secrets in it are masked.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from patronus.core.errors import KernelError

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
TIMEOUT_S = 30.0
STDERR_SHOWN = 2000
"""Characters of a program's last words that an error repeats."""
MASK = "***"


@dataclass(frozen=True)
class Completed:
    """What a program that ended well has written."""

    stdout: str
    stderr: str


def redact(text: str, secrets: Collection[str]) -> str:
    """Return the text with every secret masked; an empty secret hides nothing."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def run(
    argv: Sequence[str],
    *,
    stdin: str = "",
    timeout_s: float = TIMEOUT_S,
    environment: Mapping[str, str] | None = None,
    secrets: Collection[str] = (),
) -> Completed:
    """Run a program to its end and return what it wrote.

    ``environment`` is added to PATH and LC_ALL, which are all it inherits. Raises KernelError when the
    program is missing, fails, or takes longer than ``timeout_s`` (it is killed then).
    """
    command = redact(shlex.join(argv), secrets)
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", **(environment or {})},
        )
    except subprocess.TimeoutExpired:
        raise KernelError(f"took longer than {timeout_s:g} s and was killed: {command}") from None
    except (OSError, ValueError) as error:
        raise KernelError(f"cannot run: {command}: {error}") from error
    if done.returncode != 0:
        words = redact(done.stderr.strip() or done.stdout.strip(), secrets)[-STDERR_SHOWN:]
        raise KernelError(f"{_ending(done.returncode)}: {command}" + (f"\n{words}" if words else ""))
    return Completed(done.stdout, done.stderr)


def _ending(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"
