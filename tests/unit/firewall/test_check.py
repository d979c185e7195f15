# SPDX-License-Identifier: GPL-2.0-or-later
"""Problems between the files: what is refused or warned of must not depend on what a living alias holds."""

from __future__ import annotations

import pytest

from patronus.firewall.check.configuration import check_rules
from tests.golden.case import load

ALIASES = """aliases:
  - {id: hosts, names: [example.org]}
  - {id: bad, list: {file: bad.txt}}
  - {id: six, addresses: ["2001:db8::/32"]}
"""


def problems(*rules: str, nat: tuple[str, ...] = (), uplinks: str = "") -> list[str]:
    """Return what is said of rules and translations between the zones lan and wan."""
    files = {
        "firewall/zones.yaml": "zones: [{id: lan}, {id: wan}]",
        "firewall/rules.yaml": f"{ALIASES}rules: [{', '.join(rules)}]",
        "firewall/nat.yaml": f"nat: [{', '.join(nat)}]",
        "network/uplinks.yaml": f"uplinks: [{uplinks}]",
    }
    loaded = load(files)
    assert loaded.problems == ()
    return [one.message for one in check_rules(loaded.config)]


@pytest.mark.parametrize(
    ("keys", "refused"),
    [
        ('source: ["@hosts", 192.0.2.1], destination: "@six"', False),
        ('source: ["192.0.2.1"], destination: "@six"', True),
        ('source: "@hosts", destination: ["@bad", 192.0.2.1]', False),
        ('protocol: icmpv6, source: ["@bad", 192.0.2.1]', False),
        ("protocol: icmpv6, source: [192.0.2.1]", True),
    ],
)
def test_an_alias_that_lives_may_be_of_either_family(keys: str, refused: bool) -> None:
    assert bool(problems(f"{{id: r-1, from: lan, action: allow, {keys}}}")) == refused


@pytest.mark.parametrize(
    ("source", "refused"), [('["@hosts", "2001:db8::1"]', False), ('"@six"', True), ('"@bad"', False)]
)
def test_a_masquerade_is_refused_for_a_source_that_never_is_of_its_family(source: str, refused: bool) -> None:
    assert bool(problems(nat=(f"{{id: n-1, type: masquerade, out: wan, source: {source}}}",))) == refused


@pytest.mark.parametrize(
    ("first", "second", "hidden"),
    [
        ("10.0.0.0/8", "10.1.0.0/16", True),
        ("10.0.0.0/8", '"@hosts"', False),
        ("10.0.0.0/8", '["@hosts", 10.1.0.0/16]', False),
        ('["@hosts", 10.0.0.0/8]', "10.1.0.0/16", True),
        ('"@hosts"', "10.1.0.0/16", False),
    ],
)
def test_a_translation_of_sources_that_live_is_not_called_hidden(
    first: str, second: str, hidden: bool
) -> None:
    pair = (
        f"{{id: n-1, type: masquerade, out: wan, source: {first}}}",
        f"{{id: n-2, type: snat, out: wan, to: 198.51.100.2, source: {second}}}",
    )
    assert any("already decides" in one for one in problems(nat=pair)) == hidden


@pytest.mark.parametrize("key", ["mark", "set_mark"])
@pytest.mark.parametrize(
    ("mark", "uplinks", "refused"),
    [
        ("0x1000010", "{id: wan}", True),
        ("0x1000010", "", False),
        ("0x10", "{id: wan}", False),
        ("0x80000000/0x80000000", "{id: wan}", False),
    ],
)
def test_a_mark_leaves_the_bits_of_the_uplinks_alone(
    key: str, mark: str, uplinks: str, refused: bool
) -> None:
    action = "mark" if key == "set_mark" else "allow"
    rule = f"{{id: r-1, from: lan, action: {action}, {key}: {mark}}}"
    said = ["the bits 0x7f000000 of a mark hold the uplink of a connection"] if refused else []
    assert problems(rule, uplinks=uplinks) == said
