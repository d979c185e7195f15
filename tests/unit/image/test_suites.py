# SPDX-License-Identifier: GPL-2.0-or-later
"""The runner adds up honestly: what is absent, empty or broken has failed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from image.host import CHECKOUT
from tests import suites
from tests.order import LONGEST
from tests.reports import Outcome, read_report
from tests.suites import Suite, run_suite


@pytest.fixture(autouse=True)
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(suites, "REPORTS", tmp_path)
    monkeypatch.setattr(suites, "CHECKOUT", tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the others take a second
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
def test_each_end_is_counted(reports: Path, body: str, expected: Outcome) -> None:
    (reports / "some").mkdir()
    (reports / "some/test_it.py").write_text(body)
    assert run_suite("some", Suite("some", 1, in_tree=False)) == expected


FLAKY = """
from pathlib import Path
def test_good(): pass
def test_bad(): assert not {hopeless}
def test_once():
    seen = Path(__file__).with_suffix(".seen")
    first = not seen.exists()
    seen.touch()
    assert not first
"""


@pytest.mark.parametrize(
    ("again", "hopeless", "expected"),
    [
        ((), False, Outcome(passed=2, failed=1)),
        (("-q",), True, Outcome(passed=2, failed=1, unsteady=("some/test_it.py::test_once",))),
    ],
)
def test_a_test_that_passes_by_itself_is_named_and_one_that_does_not_has_failed(
    reports: Path, *, again: tuple[str, ...], hopeless: bool, expected: Outcome
) -> None:
    (reports / "some").mkdir()
    (reports / "some/test_it.py").write_text(FLAKY.format(hopeless=hopeless))
    assert run_suite("some", Suite("some", 1, in_tree=False, again=again)) == expected


def test_many_failures_are_not_run_again(reports: Path) -> None:
    (reports / "some").mkdir()
    (reports / "some/test_it.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_bad(n): assert False\n"
    )
    assert run_suite("some", Suite("some", 1, in_tree=False, again=("-q",))) == Outcome(failed=6)
    assert not (reports / "some-again.xml").exists()


def test_a_file_that_does_not_load_has_failed(reports: Path) -> None:
    (reports / "some").mkdir()
    (reports / "some/test_it.py").write_text("import nothing_of_this_name\n")
    assert run_suite("some", Suite("some", 1, in_tree=False, again=("-q",))) == Outcome(failed=1)


def test_the_closing_line_is_what_ci_reads(reports: Path) -> None:
    (reports / "r.xml").write_text(
        '<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>'
    )
    assert read_report(reports / "r.xml") == Outcome(passed=3, failed=3, skipped=3)
    assert str(Outcome(2, 0)) == "2 passed, 0 failed"
    assert str(Outcome(2, 1, 3)) == "2 passed, 1 failed, 3 skipped"


ORDERED = """
from tests import order
from tests.order import pytest_xdist_make_scheduler
order.LONGEST = ("test_long.py", "test_next.py")
"""


def test_what_takes_long_begins_first(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(ORDERED)
    for name, tests in (("few", 4), ("many", 5), ("next", 1), ("long", 1)):
        body = f"import pytest\n@pytest.mark.parametrize('n', range({tests}))\ndef test_it(n): pass\n"
        (tmp_path / f"test_{name}.py").write_text(body)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "xdist", "-n", "1", "--dist", "loadfile", "."]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, check=True
    )
    begun = re.findall(r"PASSED test_(\w+)\.py", done.stdout)
    assert list(dict.fromkeys(begun)) == ["long", "next", "many", "few"]


def test_every_file_that_takes_long_is_there() -> None:
    assert [name for name in LONGEST if not (CHECKOUT / name).is_file()] == []
