# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from tests.netns.interfaces.conftest import image_files

__all__ = ["image_files"]
