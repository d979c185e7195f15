# SPDX-License-Identifier: GPL-2.0-or-later
"""What a script sees of a command that found something wrong."""

from __future__ import annotations

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


def test_a_command_that_says_nothing_of_it_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cli.commands, "look", click.Command("look", callback=lambda: None))
    monkeypatch.setattr("sys.argv", ["patronus", "look"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
