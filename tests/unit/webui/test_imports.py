# SPDX-License-Identifier: GPL-2.0-or-later
"""The page's process loads nothing that it does not need: it starts beside patronusd, and stays small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
HEAVY = {
    "asyncio",
    "cryptography",
    "ctypes",
    "jwt",
    "peewee",
    "pydantic",
    "pyroute2",
    "rich",
    "tomlkit",
    "yaml",
}

pytest.importorskip("gunicorn")


def test_the_pages_are_loaded_without_what_only_the_daemon_needs() -> None:
    code = "import json, sys, webui.server, webui.app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert "webui.pages.dashboard" in loaded
    assert loaded & HEAVY == set()
    assert not {name for name in loaded if name.startswith("patronus.kernel")}
