# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an item of an ordered list shall stand."""

from __future__ import annotations

from typing import Any

import pytest

from patronus.core.errors import InvalidRequest, NotFound
from patronus.core.items import Placed, place_of

OTHERS = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, None),
        ({"index": 0}, 0),
        ({"index": 2}, 2),
        ({"index": 99}, 3),
        ({"before": "a"}, 0),
        ({"before": "c"}, 2),
        ({"after": "c"}, 3),
    ],
    ids=str,
)
def test_a_place_is_a_number_among_the_others(given: dict[str, Any], place: int | None) -> None:
    assert place_of(OTHERS, Placed(**given), "rule") == place


def test_what_is_no_place_is_refused() -> None:
    with pytest.raises(NotFound, match="no other rule is called d"):
        place_of(OTHERS, Placed(before="d"), "rule")
    with pytest.raises(InvalidRequest, match="a rule stands in one place"):
        place_of(OTHERS, Placed(before="a", index=0), "rule")
