# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole files of other firewalls, sound and damaged: a configuration comes of them, what is left is named."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.errors import InvalidRequest
from patronus.core.problem import Severity
from patronus.firewall.check.configuration import check
from patronus.firewall.importing.iptables import Import, imported
from patronus.firewall.importing.nft import imported_nft
from tests.golden.case import load
from tests.unit.firewall.test_import import NAMES, SAVED, THREE

ODD_WORDS = (
    "-j", "-g", "-m", "!", "-s", "-d", "-p", "tcp", "udp", "22", "--dport", "--icmp-type", "8",
    "RETURN", "DROP", "", "''", '"', "::1", "1.2.3.4/33", "0.0.0.9/0.0.0.255", ":", ",", "1,,2",
    "9999999999999999999", "\x00",
    "\u202e", "\u0663", "--ctstate", "--dst-type", "LOCAL", "--tcp-flags", "tcp-reset", "--reject-with",
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 2**70, 1.5, float("inf"), "", "x", "@x", [], {}, [[]], {"set": None}, {"range": [5, 1]},
    {"prefix": {}}, {"concat": []}, {"elem": 1}, {"|": []}, {"&": []}, {"jump": {}}, {"jump": {"target": []}},
)  # fmt: skip


def sound(found: Import) -> None:
    """Assert that what was imported is a configuration without errors."""
    texts = {"rules": {"rules": found.rules}, "nat": {"nat": found.nat}}
    files = {f"firewall/{file}.yaml": json.dumps(data) for file, data in texts.items()}
    zones = "zones: [{id: wan}, {id: lan}, {id: guest}]"
    loaded = load({"firewall/zones.yaml": zones, "network/interfaces.yaml": THREE, **files})
    assert not loaded.problems
    assert not [one for one in check(loaded.config) if one.severity is Severity.ERROR]


@pytest.mark.parametrize("name", [file.name for file in SAVED.iterdir()])
def test_what_is_imported_is_sound(name: str) -> None:
    text = (SAVED / name).read_text()
    found = imported_nft(text, NAMES) if name.endswith("json") else imported(text, NAMES)
    sound(found)
    assert found.rules


@pytest.mark.parametrize("name", [file.name for file in SAVED.iterdir() if file.suffix != ".json"])
def test_every_line_is_kept_or_named_or_leads_on_or_is_what_the_router_does_anyway(name: str) -> None:
    text = (SAVED / name).read_text()
    found = imported(text, NAMES)
    kept = {int(one["id"].split("-")[1]) for one in (*found.rules, *found.nat)}
    named = {one.line for one in found.left}
    leads = re.compile(
        r" -(j|g) (RETURN|[\w-]*[a-z][\w-]*|KUBE[\w-]*|DOCKER[\w-]*|\w+(IN|OUT|INPUT|VALID|VDROP))$"
    )
    anyway = re.compile(
        r"(-i|-o) lo |(ctstate|state) (RELATED,|ESTABLISHED,?|INVALID)+ |-A OUTPUT .*-j ACCEPT"
    )
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"(\[.*\] )?-A", line) and number not in kept | named:
            assert leads.search(line) or anyway.search(line), f"{number}: {line}"


@given(st.integers(0, 2**64))
def test_a_file_that_is_damaged_is_read_or_refused(seed: int) -> None:
    random = Random(seed)
    file = random.choice(sorted(SAVED.iterdir()))
    try:
        if file.suffix == ".json":
            entries = [damaged_value(one, random) for one in json.loads(file.read_text())["nftables"]]
            sound(imported_nft(json.dumps({"nftables": entries}), NAMES))
        else:
            lines = [damaged_line(line, random) for line in file.read_text().splitlines()]
            sound(imported("\n".join(lines), NAMES))
    except InvalidRequest as refused:
        assert str(refused)


def damaged_line(line: str, random: Random) -> str:
    words = line.split(" ")
    at = random.randrange(len(words))
    if random.random() < 0.8:
        return line
    words[at : at + random.randrange(2)] = random.sample(ODD_WORDS, random.randrange(3))
    return " ".join(words)


def damaged_value(value: Any, random: Random) -> Any:
    if random.random() < 0.02:
        return random.choice(ODD_VALUES)
    if isinstance(value, dict):
        return {key: damaged_value(one, random) for key, one in value.items() if random.random() > 0.01}
    if isinstance(value, list):
        return [damaged_value(one, random) for one in value if random.random() > 0.01]
    return value
