# SPDX-License-Identifier: GPL-2.0-or-later
"""The runner adds up honestly: what is absent, empty or broken has failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import suites
from tests.suites import Outcome, Suite, read_report, run_suite


@pytest.fixture(autouse=True)
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(suites, "REPORTS", tmp_path)
    monkeypatch.setattr(suites, "CHECKOUT", tmp_path)
    return tmp_path


def test_a_suite_without_a_folder_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_suite("ghost", Suite("tests/ghost", 1, in_tree=False)) == Outcome(failed=1)
    assert "there is no tests/ghost" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("def test_good(): pass\n", Outcome(passed=1)),
        ("def test_good(): pass\ndef test_bad(): assert False\n", Outcome(passed=1, failed=1)),
        (
            "import pytest\ndef test_good(): pass\ndef test_not(): pytest.skip('no')\n",
            Outcome(passed=1, skipped=1),
        ),
        ("", Outcome(failed=1)),
        ("syntax error\n", Outcome(failed=1)),
    ],
)
def test_each_end_is_counted(
    reports: Path, monkeypatch: pytest.MonkeyPatch, body: str, expected: Outcome
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # it needs none, and they take a second
    (reports / "some").mkdir()
    (reports / "some/test_it.py").write_text(body)
    assert run_suite("some", Suite("some", 1, in_tree=False)) == expected


def test_the_closing_line_is_what_ci_reads(reports: Path) -> None:
    (reports / "r.xml").write_text(
        '<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>'
    )
    assert read_report(reports / "r.xml") == Outcome(passed=3, failed=3, skipped=3)
    assert str(Outcome(2, 0)) == "2 passed, 0 failed"
    assert str(Outcome(2, 1, 3)) == "2 passed, 1 failed, 3 skipped"
