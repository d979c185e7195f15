# SPDX-License-Identifier: GPL-2.0-or-later
"""The few Python packages of the test tree that Debian lacks, fetched by pip into a folder beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from image.host import CHECKOUT, cache, run

REQUIREMENTS = CHECKOUT / "tests/requirements-tree.txt"


def install_test_wheels(target: Path) -> None:
    """Unpack the pinned wheels, for the test tree's Python 3.13, into the folder."""
    shutil.rmtree(target, ignore_errors=True)
    pip = [str(cache() / "venv/bin/python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    wheels = ["--target", str(target), "--python-version", "3.13", "--only-binary", ":all:", "--no-compile"]
    run([*pip, *wheels, "-r", str(REQUIREMENTS)])
