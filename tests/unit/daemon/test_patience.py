# SPDX-License-Identifier: GPL-2.0-or-later
"""A call that hangs ends the process, also where it holds the interpreter; the next one knows who hung."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from patronus.daemon.patience import Patience

ENDED, BACK = 1, 0
SLEEPS = "time.sleep(600)"
HOLDS_THE_INTERPRETER = "re.match(r'(x+)+$', 'x' * 60 + 'y')"
PROGRAM = """
import re, sys, threading, time
from pathlib import Path
from patronus.daemon import patience
patience.LIMIT_S = 600.0
folder = patience.Patience(Path(sys.argv[1]))
folder.hung()
with folder.calling("other", "facts"):
    pass
patience.LIMIT_S = {limit_s}
{more}
with folder.calling("guest", "check"):
    {call}
"""
BESIDE_IT = """
called = threading.Event()
def long():
    with folder.calling("patient", "observe"):
        called.set()
        time.sleep(600)
threading.Thread(target=long, daemon=True).start()
called.wait()
patience.LIMIT_S = 600.0
"""


def run(folder: Path, call: str, limit_s: float = 0.5, more: str = "") -> int:
    program = PROGRAM.format(call=call, limit_s=limit_s, more=more)
    done = subprocess.run([sys.executable, "-c", program, folder], check=False, timeout=120)
    return done.returncode


@pytest.mark.parametrize("call", [SLEEPS, HOLDS_THE_INTERPRETER])
def test_who_hangs_is_named_to_the_next_process_and_to_all_until_the_boot(tmp_path: Path, call: str) -> None:
    assert run(tmp_path, call) == ENDED
    for _ in range(3):
        assert Patience(tmp_path).hung() == {"guest": "check"}


def test_its_last_words_name_the_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path, SLEEPS)
    Patience(tmp_path).hung()
    assert 'File "<string>"' in caplog.text


def test_the_one_that_began_first_is_the_one_that_hung(tmp_path: Path) -> None:
    assert run(tmp_path, SLEEPS, more=BESIDE_IT) == ENDED
    assert Patience(tmp_path).hung() == {"patient": "observe"}


def test_two_that_hang_one_after_the_other_are_both_named(tmp_path: Path) -> None:
    run(tmp_path, SLEEPS)
    run(tmp_path, SLEEPS, more=BESIDE_IT)
    assert Patience(tmp_path).hung() == {"guest": "check", "patient": "observe"}


def test_who_comes_back_in_time_is_blamed_for_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, "pass", limit_s=60.0) == BACK
    assert Patience(tmp_path).hung() == {}


def test_a_process_that_is_killed_while_it_calls_blames_nobody(tmp_path: Path) -> None:
    assert run(tmp_path, "__import__('os').kill(__import__('os').getpid(), 9)", limit_s=60.0) == -9
    assert Patience(tmp_path).hung() == {}
