# SPDX-License-Identifier: GPL-2.0-or-later
"""What a script sees of a command that found something wrong."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from patronus.cli.__main__ import cli, main


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
