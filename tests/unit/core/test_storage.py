# SPDX-License-Identifier: GPL-2.0-or-later
"""The small durable values, whole trees of files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from patronus.core.errors import StorageError
from patronus.core.files import LARGEST, Disk, read_tree, write_durably, write_tree
from patronus.core.generations import Generations
from patronus.core.state import StateFile


def test_state_survives_and_a_corrupt_file_is_set_aside(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "state.json")
    state.put("blocks", [{"prefix": "192.0.2.0/24"}])
    again = StateFile(tmp_path / "state.json")
    assert again.get("blocks") == [{"prefix": "192.0.2.0/24"}] and again.complaint is None
    again.get("blocks").append("mine")
    assert len(again.get("blocks")) == 1 and again.get("other", 7) == 7
    with pytest.raises(StorageError):
        again.put("bad", {1, 2})
    (tmp_path / "state.json").write_bytes(b"\0" * 30)
    broken = StateFile(tmp_path / "state.json")
    assert broken.get("blocks") is None and broken.complaint and "set aside" in broken.complaint
    assert (tmp_path / "state.json.corrupt").exists()


def test_a_tree_becomes_exactly_what_is_asked(tmp_path: Path) -> None:
    write_tree(Disk(), tmp_path / "etc", {"a.yaml": "1", "b/c.yaml": "2"})
    (tmp_path / "etc/.hidden").write_text("x")
    (tmp_path / "etc/a.yaml~").write_text("x")
    (tmp_path / "etc/raw.yaml").write_bytes(b"\xff")
    assert read_tree(tmp_path / "etc") == {"a.yaml": "1", "b/c.yaml": "2", "raw.yaml": "\udcff"}
    write_tree(Disk(), tmp_path / "etc", {"a.yaml": "3"})
    assert read_tree(tmp_path / "etc") == {"a.yaml": "3"} and (tmp_path / "etc/.hidden").exists()


def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    """A pipe has no writer, the device never ends, the file is larger than any text."""
    odd = tmp_path / "firewall.yaml"
    makers: dict[str, Callable[[], object]] = {
        "no regular file": lambda: os.mkfifo(odd),
        "it is no regular": lambda: odd.symlink_to("/dev/zero"),
        "more than 32 MiB": lambda: odd.write_bytes(bytes(LARGEST + 1)),
    }
    for reason, make in makers.items():
        make()
        with pytest.raises(StorageError, match=rf"{reason}.*firewall\.yaml"):
            read_tree(tmp_path)
        odd.unlink()
    (tmp_path / "there").write_text("a: 1\n")
    odd.symlink_to("there")
    assert read_tree(tmp_path)["firewall.yaml"] == "a: 1\n"


def test_files_are_not_for_everybody_to_read(tmp_path: Path) -> None:
    write_durably(Disk(), tmp_path / "a", b"x")
    assert (tmp_path / "a").stat().st_mode & 0o007 == 0


def test_a_pending_record_from_before_the_confirmation_waits_for_nothing(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    record = {"generation": 3, "deadline": 1.0, "boot_id": "b", "actor": "a"}
    (tmp_path / "pending.json").write_text(json.dumps(record))
    generations.confirm(2)
    assert generations.pending() is not None
    generations.confirm(3)
    assert generations.pending() is None
    (tmp_path / "pending.json").write_text("{")
    assert generations.pending() is None


def test_a_state_that_cannot_be_read_starts_empty_and_is_never_written_over(tmp_path: Path) -> None:
    StateFile(tmp_path / "state/state.json").put("blocks", [1])
    (tmp_path / "state").rename(tmp_path / "away")
    (tmp_path / "state").write_text("this is no folder any more")
    state = StateFile(tmp_path / "state/state.json")
    assert state.get("blocks") is None and state.complaint and "could not be read" in state.complaint
    with pytest.raises(StorageError):
        state.put("other", 2)
    (tmp_path / "state").unlink()
    (tmp_path / "away").rename(tmp_path / "state")
    state.put("other", 2)
    assert state.get("blocks") == [1] and StateFile(tmp_path / "state/state.json").get("other") == 2
