# SPDX-License-Identifier: GPL-2.0-or-later
"""The door for processes: clean environment, time limit, an error that can be pasted and keeps secrets."""

from __future__ import annotations

import pytest

from patronus.core.errors import KernelError
from patronus.kernel.process import redact, run


def test_a_program_gets_its_input_and_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATRONUS_SECRET", "x")
    assert run(["cat"], stdin="words").stdout == "words"
    assert sorted(line.split("=")[0] for line in run(["env"]).stdout.split()) == ["LC_ALL", "PATH"]
    assert "KEY=1" in run(["env"], environment={"KEY": "1"}).stdout


def test_no_shell_reads_the_arguments() -> None:
    assert run(["echo", "$(id) ; ls"]).stdout == "$(id) ; ls\n"


def test_the_error_shows_the_command_and_the_last_words_without_secrets() -> None:
    with pytest.raises(KernelError) as caught:
        run(["sh", "-c", "echo lost hunter2 >&2; exit 3", "a b", "hunter2"], secrets=["hunter2"])
    assert str(caught.value) == "exit status 3: sh -c 'echo lost *** >&2; exit 3' 'a b' ***\nlost ***"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["/no/such/program"], "cannot run"),
        (["sh", "-c", "kill -9 $$"], "killed by signal 9"),
        (["a\0b"], "cannot run"),
    ],
)
def test_other_endings(argv: list[str], said: str) -> None:
    with pytest.raises(KernelError, match=said):
        run(argv)


def test_a_program_that_does_not_end_is_killed() -> None:
    with pytest.raises(KernelError, match=r"took longer than 0\.2 s and was killed: sleep 600"):
        run(["sleep", "600"], timeout_s=0.2)


def test_the_longer_secret_is_masked_whole() -> None:
    assert redact("key-and-more key", ["key", "key-and-more", ""]) == "*** ***"
