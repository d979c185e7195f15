# SPDX-License-Identifier: GPL-2.0-or-later
"""What a caller says beside a change goes with it through the engine."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from patronus.core.control import Change, Control, commit
from patronus.core.edit import Edit, Insert, Replace
from patronus.core.errors import Conflict
from tests.unit.core.router import ADMIN, Router

EDITS: list[Edit] = [Insert("firewall/rules", ("rules",), {"zone": "lan", "name": "new"})]
AGAIN: list[Edit] = [Replace("zones", ("zones", "lan", "name"), "renamed")]
OTHER: list[Edit] = [Replace("zones", ("zones", "lan", "name"), "renamed by another")]


@pytest.fixture
def router(tmp_path: Path) -> Router:
    router = Router(tmp_path)
    router.start()
    return router


def control(router: Router) -> Control:
    """Return the engine as features have it; they never ask it to look at the kernel."""
    return cast(Control, router.engine)


def test_a_change_that_was_made_in_sight_of_another_generation_is_refused(router: Router) -> None:
    seen = router.engine.generation
    first = commit(control(router), AGAIN, ADMIN, Change(base=seen), "rename")
    assert first.generation == seen + 1
    with pytest.raises(Conflict):
        commit(control(router), OTHER, ADMIN, Change(base=seen), "rename too")
    assert router.engine.generation == first.generation
    assert commit(control(router), OTHER, ADMIN, Change(), "rename all the same").generation == seen + 2


def test_the_callers_words_go_before_ours(router: Router) -> None:
    commit(control(router), EDITS, ADMIN, Change(comment="for the tablet"), "add a rule")
    assert router.engine.log()[0].comment == "for the tablet"
