# SPDX-License-Identifier: GPL-2.0-or-later
"""Dataclasses whose code was compiled beforehand are those that Python would have made."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import ModuleType

import pytest

from patronus.core.precompiled import record, use

MODULE = "compiled_before"
TEXT = """
import dataclasses

@dataclasses.dataclass(frozen=True, order=True)
class Point:
    x: int
    y: int = 2
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the name of a module that nobody has imported."""
    (tmp_path / f"{MODULE}.py").write_text(TEXT)
    monkeypatch.syspath_prepend(tmp_path)
    yield MODULE
    sys.modules.pop(MODULE, None)


def anew(name: str) -> ModuleType:
    """Import the module as if for the first time."""
    sys.modules.pop(name, None)
    return import_module(name)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is compiled from text from now on."""
    texts: list[str] = []

    def watched(text: str) -> object:
        texts.append(text)
        return compile(text, "<string>", "exec", dont_inherit=True)

    monkeypatch.setattr("patronus.core.precompiled._compile", watched)
    return texts


def test_what_was_recorded_is_not_compiled_again(module: str, compiled: list[str], tmp_path: Path) -> None:
    file = tmp_path / "code"
    file.write_bytes(record([module]))
    assert compiled
    compiled.clear()
    with use(file):
        point = anew(module).Point
    assert compiled == []
    assert point(1) < point(1, 3)
    assert repr(point(1)) == "Point(x=1, y=2)"
    assert point.__init__.__annotations__ == {"x": int, "y": int, "return": None}
    with pytest.raises(dataclasses.FrozenInstanceError):
        point(1).x = 3


def test_two_recordings_give_the_same_bytes(module: str) -> None:
    first = record([module])
    sys.modules.pop(module)
    assert record([module]) == first


def test_another_text_is_compiled_as_always(module: str, compiled: list[str], tmp_path: Path) -> None:
    file = tmp_path / "code"
    file.write_bytes(record([module]))
    compiled.clear()
    (tmp_path / f"{MODULE}.py").write_text(TEXT.replace("y: int = 2", "z: int = 30"))
    with use(file):
        assert anew(module).Point(1).z == 30
    assert compiled


@pytest.mark.parametrize("stored", [None, b"", MAGIC_NUMBER, MAGIC_NUMBER + b"[", b"\0" * 64])
def test_a_file_that_says_nothing_changes_nothing(
    module: str, compiled: list[str], tmp_path: Path, stored: bytes | None
) -> None:
    file = tmp_path / "code"
    if stored is not None:
        file.write_bytes(stored)
    with use(file):
        assert anew(module).Point(1).y == 2
    assert compiled
    assert "exec" not in vars(dataclasses)
