# SPDX-License-Identifier: GPL-2.0-or-later
"""The schemas that editors take: the same in the documentation, in the verb and on the disk of the router."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.golden.schema import FOLDER
from tests.netns.daemon.machine import Machine, eventually

GOOD = {
    "firewall/rules": """rules:
  - {name: no ssh from outside, interface: wan, protocol: tcp, destination_port: 22, action: drop}
  - {id: r-1, from: {zone: lan, mac: "52:54:00:00:00:01"}, to: wan, destination_port: [80, "80-90", "@web"],
     action: allow, schedule: {days: mon-fri, time: "08:00-18:00"}, limit: {rate: 10/s}, log: true}
""",
    "network/dhcp": """pools:
  - {id: lan, interface: lan, ranges: [192.168.1.100-192.168.1.199], lease_time: 12h}
""",
}
BAD = {
    "firewall/rules": (
        "rules: [{actoin: drop}]",
        "rules: [{action: alow}]",
        "rules: [{action: drop, log: 3}]",
    ),
    "network/dhcp": (
        "pools: [{id: lan, interface: lan, lease_time: 12}]",
        "pools: [{id: A B, interface: lan}]",
    ),
}


def problems(schema: dict[str, Any], text: str) -> list[str]:
    checker = jsonschema.Draft202012Validator(schema)
    return [error.message for error in checker.iter_errors(yaml.safe_load(text))]


def is_whole(path: Path) -> bool:
    return path.exists() and path.read_text().endswith("}\n")


@pytest.fixture(scope="module")
def schemas(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = machine.call("config.Schema")["schemas"]
    return found


def test_the_documentation_has_what_the_router_says(schemas: dict[str, Any]) -> None:
    kept = {
        str(path.relative_to(FOLDER))[:-5]: json.loads(path.read_text()) for path in FOLDER.rglob("*.json")
    }
    assert schemas == kept
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_router_has_them_as_files_that_anybody_reads(machine: Machine, schemas: dict[str, Any]) -> None:
    folder = machine.places.run / "schema"
    for section, schema in schemas.items():
        path = folder / f"{section}.json"
        eventually(partial(is_whole, path), f"{path}, whole,")
        assert json.loads(path.read_text()) == schema
        assert path.stat().st_mode & 0o004 and path.parent.stat().st_mode & 0o005 == 0o005


def test_what_runs_is_sound_for_an_editor(machine: Machine, schemas: dict[str, Any]) -> None:
    files = machine.call("config.Show")["files"]
    checked = [name for name, text in files.items() if name.endswith(".yaml")]
    assert len(checked) > 3
    for name in checked:
        assert problems(schemas[name.removesuffix(".yaml")], files[name]) == []


@pytest.mark.parametrize("section", GOOD)
def test_an_editor_sees_what_is_wrong_and_only_that(schemas: dict[str, Any], section: str) -> None:
    assert problems(schemas[section], GOOD[section]) == []
    for text in BAD[section]:
        assert problems(schemas[section], text)
