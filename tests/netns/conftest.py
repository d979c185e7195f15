# SPDX-License-Identifier: GPL-2.0-or-later
"""These tests touch the machine that they run on: each worker has its own."""

from __future__ import annotations

from tests.worker import own_machine


def pytest_configure() -> None:
    """Run before the first test of a worker."""
    own_machine()
