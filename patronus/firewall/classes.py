# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a connection keeps the class of service that a rule gave it: in its mark. Pure."""

from __future__ import annotations

from patronus.core.values import Mark

CLASS_BITS = 0x00FE0000
"""The bits that hold a class: the highest says that there is one, six are the class."""
GIVEN = 0x00800000
_SHIFT = 17


def class_mark(dscp: int) -> Mark:
    """Return the mark of connections with a class, 0 to 63."""
    return Mark(GIVEN | dscp << _SHIFT, CLASS_BITS)


def apart(mark: Mark | None) -> Mark | None:
    """Return a mark that says nothing of classes, where rules give some."""
    return None if mark is None else Mark(mark.value & ~CLASS_BITS, mark.mask & ~CLASS_BITS)
