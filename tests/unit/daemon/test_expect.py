# SPDX-License-Identifier: GPL-2.0-or-later
"""``python3 -m patronus.daemon.expect``: expectations on a workstation, with no router at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from patronus.daemon.expect import main
from tests.golden.case import FOLDER

SOUND, BROKEN = FOLDER / "16-expectations/input", FOLDER / "17-broken-expectations/input"


def test_a_folder_is_tried_with_its_own_expectations(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SOUND)]) == 0
    assert capsys.readouterr().out.endswith("12 tried, 0 failed\n")
    assert main([str(BROKEN)]) == 1
    assert "FAIL line 2: tcp 10.10.0.7:50000 to 192.168.1.30:22" in capsys.readouterr().out


def test_a_file_beside_it_is_tried_in_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SOUND), str(BROKEN / "firewall/tests.yaml")]) == 1
    assert capsys.readouterr().out.endswith("8 tried, 8 failed\n")


def test_files_with_problems_are_not_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "firewall").mkdir()
    (tmp_path / "firewall/rules.yaml").write_text("rules: [{from: moon, action: drop}]\n")
    assert main([str(tmp_path)]) == 1
    assert "there is no zone moon" in capsys.readouterr().err
    assert main([]) == main([str(tmp_path / "nothing")]) == 2
