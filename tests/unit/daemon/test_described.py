# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs' declarations are made once for each image, and again where they cannot be what it would make."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from patronus.core.verb import Caller, Done, Parameters, Verb
from patronus.daemon.described import FILE, described

IMAGE, OTHER = "a" * 64, "b" * 64


class Asked(Parameters):
    """What the verbs of these tests take."""

    number: int


def _do(caller: Caller, given: Parameters) -> Done:
    """Do it."""
    return Done()


def verbs(*names: str) -> list[Verb[Parameters, Done]]:
    return [Verb(name, Asked, Done, _do) for name in names]


def described_by(image: str | None, folder: Path, *names: str) -> list[str]:
    """Return how each verb's summary is declared."""
    return [one["summary"] for one in described(verbs(*names), folder, image)]


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """A folder in which the image has kept declarations that can be told from those made now."""
    described(verbs("x.One", "x.Two"), tmp_path, IMAGE)
    file = tmp_path / FILE
    file.write_text(file.read_text().replace("Do it.", "Kept."))
    return tmp_path


def test_what_is_kept_is_what_would_be_made(tmp_path: Path) -> None:
    made = described(verbs("x.One", "x.Two"), tmp_path, IMAGE)
    assert made == [verb.describe() for verb in verbs("x.One", "x.Two")]
    assert described(verbs("x.One", "x.Two"), tmp_path, IMAGE) == made


def test_the_same_image_takes_what_it_has_kept(marked: Path) -> None:
    assert described_by(IMAGE, marked, "x.One", "x.Two") == ["Kept.", "Kept."]


def test_another_image_makes_its_own(marked: Path) -> None:
    assert described_by(OTHER, marked, "x.One", "x.Two") == ["Do it.", "Do it."]
    assert json.loads((marked / FILE).read_bytes())["image"] == OTHER


def test_without_an_image_nothing_is_kept_or_taken(
    marked: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert described_by(None, marked, "x.One", "x.Two") == ["Do it.", "Do it."]
    empty = tmp_path_factory.mktemp("empty")
    described(verbs("x.One"), empty, None)
    assert list(empty.iterdir()) == []


def test_a_plugin_that_is_left_out_is_not_declared(marked: Path) -> None:
    assert described_by(IMAGE, marked, "x.One") == ["Do it."]


@pytest.mark.parametrize(
    "content", ["", "[]", '{"image": 1}', f'{{"image": "{IMAGE}", "verbs": [1]}}', "\xff"]
)
def test_what_cannot_be_read_is_made_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_bytes(content.encode("latin-1"))
    assert described_by(IMAGE, tmp_path, "x.One") == ["Do it."]
    assert json.loads((tmp_path / FILE).read_bytes())["verbs"][0]["name"] == "x.One"


def test_a_folder_that_takes_nothing_keeps_nobody_from_an_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert described_by(IMAGE, tmp_path / "missing/too", "x.One") == ["Do it."]
    assert "the next start takes longer" in caplog.text
