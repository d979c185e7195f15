# SPDX-License-Identifier: GPL-2.0-or-later
"""A plugin that cannot be loaded, or would stand in another's place, is left out by name."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from patronus.daemon import plugins
from patronus.kernel.host import Host, Places
from tests.web.plugin import RAISES, write

SOUND = RAISES.replace('raise ZeroDivisionError("in the check")', "return ()")


def host(root: Path) -> Host:
    places = Places.below(root / "machine")
    places.run.mkdir(parents=True)
    return cast(Host, SimpleNamespace(places=places))


@pytest.mark.parametrize(
    ("name", "module", "reason"),
    [
        ("pimport", "import no_such_module\n", "ModuleNotFoundError"),
        ("psyntax", "def create(:\n", "SyntaxError"),
        ("pleaves", "import sys\nsys.exit(3)\n", "SystemExit"),
        ("placks", "", "AttributeError"),
        ("pbreaks", "def create(host):\n    1 / 0\n", "ZeroDivisionError"),
        ("pother", "def create(host):\n    return 3\n", "returned int"),
        ("pnamed", SOUND, "the entry point is named pnamed"),
        ("raises", SOUND.replace("plugins/raises", "firewall/rules"), "is not plugins/raises"),
        ("raises", SOUND.replace("plugins/raises", "plugins/raisesx"), "is not plugins/raises"),
        ("firewall", SOUND, "there is a feature of this name"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, reason: str
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    write(tmp_path, name, module, features="create")
    said: list[str] = []
    assert plugins.load(host(tmp_path), ["firewall"], said.append) == []
    assert len(said) == 1
    assert f"the plugin {name} is left out" in said[0]
    assert reason in said[0]


def test_a_sound_one_is_loaded_and_may_not_be_named_like_our_interfaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "raises", raising=False)
    write(tmp_path, "raises", SOUND, features="create")
    said: list[str] = []
    found = plugins.load(host(tmp_path), ["firewall"], said.append)
    assert [(one.name, [section.path for section in one.sections]) for one in found] == [
        ("raises", ["plugins/raises"])
    ]
    assert said == []
