# SPDX-License-Identifier: GPL-2.0-or-later
"""What dataclasses compile while modules are imported, compiled beforehand.

``dataclasses`` writes the methods of each class as text and compiles it anew in every process: a fifth of the
time that patronusd takes to import four hundred of them. The image is built with the code of those texts
beside the bytecode of the modules: ``python3 -m patronus.core.precompiled FILE MODULE…`` imports the modules
and writes it, and the daemon imports them in ``use``. A text that is not in the file is compiled as always.
"""

from __future__ import annotations

import dataclasses
import hashlib
import marshal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType
from typing import Any

FILE = Path("/usr/lib/patronus/precompiled")
Compile = Callable[[str], CodeType]
FORM = 2
"""The marshal format without references, whose bytes depend on nothing but the code."""


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _compile(text: str) -> CodeType:
    return compile(text, "<string>", "exec", dont_inherit=True)


def _load(stored: bytes) -> Any:
    return marshal.loads(stored)  # noqa: S302 - a file of the image, like the bytecode beside it


@contextmanager
def _compiling_with(made: Compile) -> Iterator[None]:
    """Let ``dataclasses`` get its code from ``made``; its ``exec`` is a name of its own module meanwhile."""

    def run(text: str, known: dict[str, Any], local: dict[str, Any]) -> None:
        exec(made(text), known, local)  # noqa: S102 - as dataclasses itself does

    vars(dataclasses)["exec"] = run
    try:
        yield
    finally:
        del vars(dataclasses)["exec"]


@contextmanager
def use(file: Path = FILE) -> Iterator[None]:
    """Take code from the file where it has it. One that is missing, or another Python's, changes nothing."""
    codes = _read(file)

    def made(text: str) -> CodeType:
        kept = codes.get(_digest(text))
        return _load(kept) if kept else _compile(text)

    with _compiling_with(made):
        yield


def _read(file: Path) -> dict[bytes, bytes]:
    """Return the code by the digest of its text; nothing where the file is no such table of this Python."""
    try:
        stored = file.read_bytes()
        if stored.startswith(MAGIC_NUMBER):
            table: dict[bytes, bytes] = _load(stored[len(MAGIC_NUMBER) :])
            return table
    except (OSError, EOFError, ValueError, TypeError):
        pass
    return {}


def record(modules: list[str]) -> bytes:
    """Import the modules and return what ``use`` reads."""
    codes: dict[bytes, bytes] = {}

    def made(text: str) -> CodeType:
        code = _compile(text)
        codes[_digest(text)] = marshal.dumps(code, FORM)
        return code

    with _compiling_with(made):
        for name in modules:
            import_module(name)
    return MAGIC_NUMBER + marshal.dumps(dict(sorted(codes.items())), FORM)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(record(sys.argv[2:]))
