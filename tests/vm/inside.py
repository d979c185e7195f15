# SPDX-License-Identifier: GPL-2.0-or-later
"""A module of ours run inside the router's machine, which has no tests in it: files in, JSON out."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qemu.guest import Guest

ROOT = Path(__file__).parents[2]
PLACE = "/run/inside"
LAB = ("tests/__init__.py", "tests/netns/__init__.py", "tests/netns/lab.py", "tests/vm/__init__.py")
"""What namespaces in the machine need; a package may have no file of its own."""


def archive(names: Iterable[str]) -> bytes:
    """Return files of the checkout as one, as far as they are there."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as packed:
        for name in names:
            if (ROOT / name).exists():
                packed.add(ROOT / name, name)
    return held.getvalue()


def run_inside(guest: Guest, module: str, said: object, *words: str, held: Iterable[str] = ()) -> Any:
    """Run a module with what it is told in a file, and with further words; return what it says.

    ``held`` are files that it needs beside itself.
    """
    own = f"{module.replace('.', '/')}.py"
    guest.copy_to(json.dumps(said).encode(), f"{PLACE}.json")
    guest.copy_to(archive((*LAB, own, *held)), f"{PLACE}.tar")
    guest.succeed(f"mkdir -p {PLACE} && tar -C {PLACE} -xf {PLACE}.tar")
    command = f"cd {PLACE} && python3 -m {module} {PLACE}.json {' '.join(words)}"
    return json.loads(guest.succeed(command, timeout_s=900))
