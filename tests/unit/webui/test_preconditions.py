# SPDX-License-Identifier: GPL-2.0-or-later
"""If-Match: lists of tags, none of them weak."""

import pytest

from patronus.core.errors import InvalidRequest
from webui.preconditions import wanted
from webui.routes import Route

ROUTE = Route("POST", "/rules", {"name": "firewall.AddRule", "parameters": {"properties": {"base": {}}}})


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, None),
        ("*", None),
        ('"g12"', {12}),
        ('"g12", "g13"', {12, 13}),
        ('W/"g12"', set()),
        ('W/"g12", "g13" , W/"g14"', {13}),
    ],
)
def test_a_header_names_generations(header: str | None, accepted: set[int] | None) -> None:
    assert wanted(ROUTE, header) == accepted


@pytest.mark.parametrize("header", ["", "12", '"12"', '"g12" "g13"', 'w/"g12"', '"g12",'])
def test_what_names_none_is_refused(header: str) -> None:
    with pytest.raises(InvalidRequest, match="If-Match"):
        wanted(ROUTE, header)
