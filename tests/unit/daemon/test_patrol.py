# SPDX-License-Identifier: GPL-2.0-or-later
"""The patrol goes on whatever a look comes to, and never without a pause."""

from __future__ import annotations

import threading

import pytest
from pydantic import ValidationError

from patronus.core.errors import KernelError
from patronus.daemon.patrol import Patrol
from patronus.daemon.settings import EngineSettings

LONG_S = 60.0


@pytest.mark.parametrize("fault", [KernelError("no"), ZeroDivisionError()], ids=["refused", "mistake"])
def test_a_look_that_fails_is_not_the_last(fault: Exception) -> None:
    faults, looked = [fault], threading.Event()

    def look() -> None:
        if faults:
            raise faults.pop()
        looked.set()

    patrol = Patrol(look, lambda: 0.01)
    patrol.start()
    assert looked.wait(LONG_S)
    patrol.stop()


@pytest.mark.parametrize(("given", "said"), [("0s", "too short"), ("2d", "too long")])
def test_a_router_has_time_for_more_than_looking_at_itself(given: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        EngineSettings.model_validate({"drift_check": given})
    assert EngineSettings.model_validate({"drift_check": "1d"}).drift_check == 86400
