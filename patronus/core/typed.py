# SPDX-License-Identifier: GPL-2.0-or-later
"""What people type on a command line or into a form, to the parameters of verbs. Pure, and quick to load."""

from __future__ import annotations


def number_or_text(text: str) -> int | str:
    """Return digits as a number; anything else stays as it is, for the model to refuse where it stands.

    More digits than any number here has are no number: Python refuses to read thousands of them.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else text
