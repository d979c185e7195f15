# SPDX-License-Identifier: GPL-2.0-or-later
"""What a script sees of a command that found something wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from patronus.cli.__main__ import cli, main
from patronus.cli.options import text_of, write_whole
from patronus.cli.session import Session
from patronus.client import Client
from patronus.core.errors import InvalidRequest

CHECKOUT = Path(__file__).parents[3]


@pytest.mark.parametrize(("given", "seen"), [(1, 1), (3, 3), (0, 0)])
def test_the_code_that_a_command_ends_with_is_the_programs(
    monkeypatch: pytest.MonkeyPatch, given: int, seen: int
) -> None:
    """An update that failed, or a repository with problems, must stop the script that asked."""

    @click.command()
    def look() -> None:
        raise click.exceptions.Exit(given)

    monkeypatch.setitem(cli.commands, "look", look)
    monkeypatch.setattr("sys.argv", ["patronus", "look"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == seen


@pytest.mark.parametrize("returned", [None, "done", 7, True])
def test_a_command_that_says_nothing_of_it_ends_well(
    monkeypatch: pytest.MonkeyPatch, returned: object
) -> None:
    """What a command returns, a plug-in's for one, is no exit code."""
    monkeypatch.setitem(cli.commands, "look", click.Command("look", callback=lambda: returned))
    monkeypatch.setattr("sys.argv", ["patronus", "look"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("firewall", "import", "FILE"), 1),
        (("firewall", "test", "FILE"), 1),
        (("config", "draft", "edit", "firewall/rules.yaml", "--from", "FILE"), 1),
        (("--token-file", "FILE", "status"), 2),
    ],
)
def test_a_file_that_is_no_text_is_named(
    words: tuple[str, ...],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "rules.v4"
    file.write_bytes(b"*filter\xff\xfe")
    argv = ["patronus", *(str(file) if word == "FILE" else word for word in words)]
    monkeypatch.setattr("sys.argv", argv)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert f"{file} is not text" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ('"$@" --help > /dev/full', 1, "the output: No space left on device\n"),
        ('"$@" --help >&-', 0, ""),
        ('"$@" --help 2>&- | head -c 1 > /dev/null', 0, ""),
        ('"$@" call system.Status "[1]" 2>&1 > /dev/null | tail -n 1 >&2', 0, "a JSON object is wanted\n"),
    ],
)
def test_an_output_that_takes_nothing_and_a_parameter_that_is_none_are_said_in_a_line(
    shell: str, code: int, said: str
) -> None:
    command = ["bash", "-c", shell, "bash", sys.executable, "-m", "patronus.cli"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done
    assert done.stderr.endswith(said)
    assert "Traceback" not in done.stderr
    assert bool(done.stderr) is bool(said)


def test_a_row_stays_a_line_for_another_program(capsys: pytest.CaptureFixture[str]) -> None:
    """What follows with grep and awk would lose the end of what is folded."""
    addresses = [f"2001:db8:1:2:3:4:5:{number:x}/64" for number in range(30)]
    Session(Client()).table(("interface", "addresses"), [("lan", addresses)], "Nothing.")
    heads, row = capsys.readouterr().out.splitlines()
    assert heads.split() == ["interface", "addresses"]
    assert row.rstrip() == f"lan        {', '.join(addresses)}"


def test_what_is_piped_in_is_read_like_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    piped = tmp_path / "piped"
    piped.write_text("*filter\nCOMMIT\n")
    with piped.open() as source:
        monkeypatch.setattr("sys.stdin", source)
        assert text_of(Path("-")) == "*filter\nCOMMIT\n"
    piped.write_bytes(b"\xff\xfe")
    with piped.open() as source:
        monkeypatch.setattr("sys.stdin", source)
        with pytest.raises(InvalidRequest, match="what was piped in is not text"):
            text_of(Path("-"))


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "history.bundle"
    place.write_bytes(b"of yesterday")
    write_whole(place, b"of today", 0o644)
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"of today", 0o644)
    with pytest.raises(InvalidRequest, match="cannot be written: No such file or directory"):
        write_whole(tmp_path / "nowhere" / "history.bundle", b"", 0o644)
    assert [one.name for one in tmp_path.iterdir()] == ["history.bundle"]
