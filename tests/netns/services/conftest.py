# SPDX-License-Identifier: GPL-2.0-or-later
"""The router of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.services.network import Router


@pytest.fixture
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("router")
    for place in (folder, *folder.parents):
        if place.name.startswith(("pytest", "popen", "router")):
            place.chmod(0o755)
    made = Router(Path(folder))
    yield made
    made.close()
