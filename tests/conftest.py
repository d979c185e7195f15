# SPDX-License-Identifier: GPL-2.0-or-later
"""For every suite: the same generated cases in each run, and no failure because the machine is slow."""

from __future__ import annotations

import os

from hypothesis import settings

from tests.order import pytest_xdist_make_scheduler

__all__ = ["pytest_xdist_make_scheduler"]

settings.register_profile("test", derandomize=True, deadline=None)
settings.register_profile("soak", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))
