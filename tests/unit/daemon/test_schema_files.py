# SPDX-License-Identifier: GPL-2.0-or-later
"""Where editors look for the schemas there are those of the image, or with a plug-in those of this router."""

from __future__ import annotations

from pathlib import Path

import pytest

from patronus.core.errors import StorageError
from patronus.daemon.schema_files import link_schemas, write_schemas


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    write_schemas(folder, {"firewall/rules": {"title": "shipped"}})
    return folder


def texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.json")}


def test_the_shipped_ones_take_the_place_of_those_written_before(tmp_path: Path, shipped: Path) -> None:
    folder = tmp_path / "schema"
    write_schemas(folder, {"plugin": {"title": "of a plug-in that is gone"}})
    for _ in range(2):
        link_schemas(folder, shipped)
        assert texts(folder) == texts(shipped)


def test_writing_them_leaves_the_shipped_ones_alone(tmp_path: Path, shipped: Path) -> None:
    folder, before = tmp_path / "schema", texts(shipped)
    link_schemas(folder, shipped)
    write_schemas(folder, {"plugin": {"title": "of a plug-in"}})
    assert list(texts(folder)) == ["plugin.json"]
    assert texts(shipped) == before


def test_a_folder_that_cannot_be_made_is_an_error_with_a_place(tmp_path: Path, shipped: Path) -> None:
    with pytest.raises(StorageError, match="linked"):
        link_schemas(tmp_path / "missing" / "schema", shipped)
