# SPDX-License-Identifier: GPL-2.0-or-later
"""The workstation: where the cache lies, and the one door through which the builder starts processes."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

CHECKOUT = Path(__file__).resolve().parent.parent
BUILD = CHECKOUT / "build"
KEPT_ENVIRONMENT = ("PATRONUS_CACHE", "PATRONUS_MIRROR", "SOURCE_DATE_EPOCH", "KEYS", "TERM")


class BuildError(Exception):
    """The build cannot go on; the message says why, and the hint what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n  hint: {hint}" if hint else message)


def cache() -> Path:
    """Return the folder outside the checkout that holds downloads, trees and the virtual environment."""
    chosen = os.environ.get("PATRONUS_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(chosen) if chosen else Path(base) / "patronus"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def as_root(command: Sequence[str]) -> list[str]:
    """Return the command as root runs it: through sudo, with our variables, where we are not root.

    Raises BuildError where there is no sudo.
    """
    if os.geteuid() == 0:
        return list(command)
    if not shutil.which("sudo"):
        raise BuildError("this needs root, and there is no sudo", hint=f"as root: {shlex.join(command)}")
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    kept["PATRONUS_CACHE"] = str(cache())
    return ["sudo", "env", *(f"{name}={value}" for name, value in kept.items()), *command]


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    capture: bool = False,
) -> str:
    """Run a command; return its output when captured. Raises BuildError with a line that can be pasted."""
    words = [str(word) for word in command]
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(
        words, env=environment, cwd=cwd, text=True, stdout=subprocess.PIPE if capture else None, check=False
    )
    if done.returncode:
        raise BuildError(f"exit status {done.returncode} from: {shlex.join(words)}")
    return done.stdout or ""


def make_ours(folder: Path) -> None:
    """Give the folder, into which root has written through sudo, to whoever runs this."""
    run(as_root(["chown", "-R", f"{os.getuid()}:{os.getgid()}", str(folder)]))


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done, and afterwards how many seconds it took."""
    print(f":: {title} ...", flush=True)
    start = time.monotonic()
    yield
    print(f":: {title}: {time.monotonic() - start:.0f} s", flush=True)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the named lock of the cache, so that two builds on one machine wait for each other."""
    with (cache() / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def complain(error: BuildError) -> NoReturn:
    """Print the error as a person reads it, and leave with status 1."""
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(1)
