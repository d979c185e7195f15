# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus audit verify PATH`` on a workstation: no daemon, a copy, the broken record by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from patronus.cli.__main__ import main
from patronus.core.audit import AuditLog
from patronus.core.verb import Caller, Role
from tests.unit.core.router import SetClock

CHECKOUT = Path(__file__).parents[3]
ANN = Caller("ann", Role.ADMIN)


@dataclass(frozen=True)
class Said:
    """What a run of the command line came to."""

    returncode: object
    stdout: str
    stderr: str


Run = Callable[..., Said]
NOWHERE = "--socket", "/nonexistent"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return the program as a function; no daemon is there."""
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.setenv("COLUMNS", "200")

    def runs(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["patronus", *NOWHERE, *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Said(ended.value.code or 0, *capsys.readouterr())

    return runs


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "patronus.cli", *NOWHERE, *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
        timeout=60,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Make a log of several files, as it was copied from a router."""
    log = AuditLog(tmp_path / "audit.log", SetClock(), segment_bytes=1500, kept=9)
    for number in range(12):
        log.append("config.Submit", ANN, "ok", {"generation": number})
    return tmp_path


@pytest.mark.parametrize("name", ["", "audit.log"])
def test_a_whole_copy_is_told_to_be_whole(copy: Path, name: str) -> None:
    done = started("audit", "verify", str(copy / name))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Records 1 to 12 are as they were written (12)." in done.stdout


def test_a_changed_record_is_named_by_file_and_line(copy: Path, run: Run) -> None:
    path = copy / "audit-000002.log"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"ann", b"eve") + b"".join(lines[2:]))
    done = run("audit", "verify", str(copy))
    assert done.returncode == 1
    assert "audit-000002.log:2: altered: the record was changed after it was written" in done.stderr
    report = json.loads(run("--json", "audit", "verify", str(copy)).stdout)
    assert report["error"] == "AuditBroken" and report["faults"][0]["line"] == 2
    assert run("audit", "verify", str(copy / "audit-000001.log")).returncode == 0
    assert run("audit", "verify", str(path)).returncode == 1


def test_a_cut_end_is_shown_by_the_head_that_was_noted(copy: Path, run: Run) -> None:
    mark = json.loads((copy / "audit.mark").read_bytes())
    (copy / "audit.mark").unlink()
    head = f"{mark['number']}:{mark['hash']}"
    (copy / "audit.log").unlink()
    assert run("audit", "verify", str(copy)).returncode == 0, "nothing shows it without the head"
    done = run("audit", "verify", str(copy), "--head", head)
    assert done.returncode == 1 and "truncated: the log ends with record" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("/nonexistent/log",), 2),
        ((".", "--head", "7"), 2),
        (("--head", "7:" + "0" * 64), 2),
        (("tests",), 1),
        ((), 3),
    ],
)
def test_wrong_use_is_told_by_the_exit_code(run: Run, arguments: tuple[str, ...], code: int) -> None:
    done = run("audit", "verify", *arguments)
    assert done.returncode == code and "Traceback" not in done.stderr
