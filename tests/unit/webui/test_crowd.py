# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from webui.crowd import Crowd


def test_a_source_has_its_share_and_leaves_the_rest() -> None:
    crowd = Crowd(each=2, together=3)
    assert [crowd.enter("a") for _ in range(3)] == [True, True, False]
    assert crowd.enter("b")
    assert not crowd.enter("c")
    crowd.leave("a")
    assert crowd.enter("c")
    assert not crowd.enter("a")
