# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab for each test, and the firewall on its router."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.netns.lab import Lab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests make namespaces: without root and Python 3.12 there is nothing to run."""
    if os.geteuid() != 0 or not hasattr(os, "unshare"):
        for item in items:
            if "tests/netns" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="needs root and Python 3.12: make test-netns"))


@pytest.fixture
def lab() -> Iterator[Lab]:
    found = Lab()
    yield found
    found.close()
