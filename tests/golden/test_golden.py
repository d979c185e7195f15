# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiler writes exactly what was reviewed."""

from __future__ import annotations

import pytest

from tests.golden.case import Case, cases

CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=[case.folder.name for case in CASES])
def test_output_is_what_was_reviewed(case: Case) -> None:
    """Every output file is the same to the byte, and there is no other."""
    written = {path.name: path.read_text() for path in case.folder.glob("*.*") if path.name != "facts.json"}
    assert case.outputs == written


def test_there_are_cases() -> None:
    assert len(CASES) >= 10
