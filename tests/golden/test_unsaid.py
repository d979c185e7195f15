# SPDX-License-Identifier: GPL-2.0-or-later
"""A section that no file gives is as an empty file would make it, although nothing validates it."""

from __future__ import annotations

import pytest

from patronus.core.model import Section
from tests.golden.schema import sections


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.path)
def test_a_section_without_a_file_is_an_empty_file(section: Section) -> None:
    unsaid, read = section.model.unsaid(), section.model.model_validate({})
    assert unsaid == read
    assert unsaid.model_dump(mode="json") == read.model_dump(mode="json")
    assert unsaid.model_fields_set == read.model_fields_set
