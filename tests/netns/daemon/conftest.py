# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine of these tests: one that has booted for the first time, shared by the tests of one file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.netns.daemon.machine import Machine
from tests.netns.interfaces.conftest import image_files

__all__ = ["image_files"]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """Lend a router that came up with the factory's configuration and has its WAN address."""
    made = Machine()
    try:
        made.start()
        made.uplinked()
        yield made
        assert "Traceback" not in made.said(), made.said()
    finally:
        made.close()


@pytest.fixture
def fresh() -> Iterator[Machine]:
    """Lend a router like that to one test alone."""
    made = Machine()
    try:
        made.start()
        made.uplinked()
        yield made
    finally:
        made.close()
