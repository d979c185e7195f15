# SPDX-License-Identifier: GPL-2.0-or-later
"""These tests touch the machine that they run on: each worker has its own, and each test its own lab."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.netns.lab import Lab
from tests.worker import own_machine


def pytest_configure() -> None:
    """Run before the first test of a worker."""
    own_machine()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests make namespaces: without root and Python 3.12 there is nothing to run."""
    if os.geteuid() != 0 or not hasattr(os, "unshare"):
        for item in items:
            if "tests/netns" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="needs root and Python 3.12: make test"))


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Lend a router and its neighbours to one test."""
    made = Lab()
    yield made
    made.close()
