# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command is found by its name, and finding one loads little else."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from importlib import import_module

import click
import pytest

from patronus.cli import commands
from patronus.cli.__main__ import cli
from patronus.cli.catalogue import MODULES

HEAVY = {"pydantic", "rich", "yaml", "tomlkit", "cryptography"}


def test_every_command_of_every_module_is_in_the_catalogue() -> None:
    loaded = {
        name: import_module(f"{commands.__name__}.{name}")
        for _, name, _ in pkgutil.iter_modules(commands.__path__)
    }
    declared = {
        name: tuple(command.name for command in module.COMMANDS)
        for name, module in loaded.items()
        if hasattr(module, "COMMANDS")
    }
    assert dict(MODULES) == declared


@pytest.mark.parametrize("name", [name for names in MODULES.values() for name in names])
def test_a_command_is_found_by_its_name(name: str) -> None:
    context = click.Context(cli)
    command = cli.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert name in cli.list_commands(context)


def test_a_name_that_nobody_has_is_none() -> None:
    assert cli.get_command(click.Context(cli), "telnetd") is None


def test_no_command_loads_what_its_arguments_do_not_ask_for() -> None:
    """A small machine waits a second for each of them."""
    code = """import json, sys
from importlib import import_module
from patronus.cli.catalogue import MODULES
import patronus.cli.__main__
for name in MODULES:
    import_module(f"patronus.cli.commands.{name}")
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not HEAVY & set(json.loads(done.stdout))
