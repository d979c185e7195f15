# SPDX-License-Identifier: GPL-2.0-or-later
"""A router, an author with a repository, and its server, in one network namespace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.gitops.router import GitRouter
from tests.netns.gitops.server import Author, Https
from tests.netns.lab import Namespace


@pytest.fixture
def where() -> Iterator[Namespace]:
    made = Namespace()
    yield made
    made.close()


@pytest.fixture
def author(tmp_path: Path) -> Author:
    (tmp_path / "server").mkdir()
    return Author(tmp_path / "server")


@pytest.fixture
def https(tmp_path: Path, author: Author, where: Namespace) -> Iterator[Https]:
    made = Https(tmp_path / "server", where)
    yield made
    made.close()


@pytest.fixture
def router(tmp_path: Path, where: Namespace) -> Iterator[GitRouter]:
    made = GitRouter(tmp_path / "router")
    made.root.mkdir()
    made.start()
    made.serve(where)
    yield made
    made.close()
