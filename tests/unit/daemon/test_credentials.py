# SPDX-License-Identifier: GPL-2.0-or-later
"""Credentials become files of the first configuration, by the suffix they name or the section's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from patronus.daemon import credentials

SUFFIXES = {"patronus": ".toml", "network/interfaces": ".yaml"}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("patronus.file.network.interfaces", "network/interfaces.yaml"),
        ("patronus.file.network.interfaces.json", "network/interfaces.json"),
        ("patronus.file.patronus", "patronus.toml"),
        ("patronus.file.patronus.toml", "patronus.toml"),
        ("patronus.file.toml", "toml.yaml"),
    ],
)
def test_a_credential_names_a_file(name: str, file: str) -> None:
    assert credentials.first_files({name: "text", "patronus.password": "secret"}, SUFFIXES) == {file: "text"}


def test_they_are_read_from_the_folder_that_systemd_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "patronus.password").write_text("secret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert credentials.read() == {"patronus.password": "secret"}
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert credentials.read() == {}
