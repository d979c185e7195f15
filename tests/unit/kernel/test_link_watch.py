# SPDX-License-Identifier: GPL-2.0-or-later
"""The watch tells of a change until it is heard, and outlives whoever fails to hear it."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from patronus.core.errors import KernelError, Unavailable
from patronus.kernel.link_watch import LinkWatch

LONG_S = 20.0


@pytest.mark.parametrize(
    ("fault", "alarming"),
    [(Unavailable("still starting"), False), (KernelError("no"), True), (ZeroDivisionError(), True)],
)
def test_a_change_that_could_not_be_followed_is_told_again(
    tmp_path: Path, fault: Exception, caplog: pytest.LogCaptureFixture, *, alarming: bool
) -> None:
    faults, heard = [fault], threading.Event()

    def changed() -> None:
        if faults:
            raise faults.pop()
        heard.set()

    watch = LinkWatch(tmp_path / "changed.sock", changed)
    watch.start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hook:
        hook.sendto(b"eth0", str(tmp_path / "changed.sock"))
    assert heard.wait(LONG_S)
    watch.stop()
    assert ("could not follow" in caplog.text) is alarming


def test_what_changed_before_the_watch_began_is_told_once(tmp_path: Path) -> None:
    heard = threading.Event()
    watch = LinkWatch(tmp_path / "changed.sock", heard.set)
    watch.start()
    assert heard.wait(LONG_S)
    watch.stop()
