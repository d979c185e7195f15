# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever changes below a folder is noticed, also in folders that came later; nothing else is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from patronus.kernel.tree_watch import TreeWatch

SOON_S, NEVER_S = 10.0, 0.3


class Seen:
    def __init__(self) -> None:
        self._event = threading.Event()

    def tell(self) -> None:
        self._event.set()

    def after(self, action: Callable[[], object], timeout_s: float = SOON_S) -> bool:
        self._event.clear()
        action()
        return self._event.wait(timeout_s)


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[Seen]:
    (tmp_path / "firewall").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "firewall/rules.yaml").write_text("old")
    seen = Seen()
    watch = TreeWatch(tmp_path, seen.tell)
    watch.start()
    yield seen
    watch.stop()


def test_writing_renaming_and_removing_are_noticed(tmp_path: Path, seen: Seen) -> None:
    file = tmp_path / "firewall/rules.yaml"
    assert seen.after(lambda: file.write_text("new"))
    assert seen.after(lambda: (tmp_path / "other").write_text("x"))
    assert seen.after(lambda: (tmp_path / "other").rename(file))
    assert seen.after(file.unlink)


def test_a_folder_that_came_later_is_followed(tmp_path: Path, seen: Seen) -> None:
    assert seen.after(lambda: (tmp_path / "network").mkdir())
    (tmp_path / "network/deep").mkdir()
    assert seen.after(lambda: (tmp_path / "marker").write_text("x"))
    assert seen.after(lambda: (tmp_path / "network/deep/dns.yaml").write_text("x"))


def test_reading_and_hidden_folders_are_no_change(tmp_path: Path, seen: Seen) -> None:
    assert not seen.after((tmp_path / "firewall/rules.yaml").read_text, NEVER_S)
    assert not seen.after(lambda: (tmp_path / ".git/index").write_text("x"), NEVER_S)
