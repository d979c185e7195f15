# SPDX-License-Identifier: GPL-2.0-or-later
"""Every golden ruleset is one that the kernel takes, holds as written, and changes into every other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from patronus.firewall import nft_json
from patronus.firewall.read_back import contents, differences
from patronus.firewall.ruleset import Ruleset
from patronus.kernel.nft import Nft
from tests.golden.case import cases
from tests.netns.lab import Namespace

RULESETS = {case.folder.name: case.plan.ruleset for case in cases() if case.plan is not None}


@pytest.fixture
def nft() -> Iterator[Nft]:
    namespace = Namespace()
    with namespace:
        yield Nft()
    namespace.close()


def found(nft: Nft) -> nft_json.Contents:
    if ("inet", "patronus") not in nft.tables():
        return nft_json.NOTHING
    parts, rules = nft.list_parts("inet", "patronus"), nft.rules("inet", "patronus")
    return contents(parts, rules, *nft.objects("inet", "patronus"))


@pytest.mark.parametrize("ruleset", RULESETS.values(), ids=RULESETS)
def test_the_kernel_takes_it_and_tells_it_back(nft: Nft, ruleset: Ruleset) -> None:
    commands = nft_json.batch(nft_json.whole(ruleset))
    assert nft.check(commands) is None
    assert nft.tables() == frozenset()
    nft.load(commands)
    assert list(differences(nft_json.Contents.of(ruleset), found(nft))) == []
    assert nft_json.transaction(found(nft), ruleset) == []


def test_each_changes_into_the_next_and_back(nft: Nft) -> None:
    order = [*RULESETS.values(), *reversed(RULESETS.values())]
    for ruleset in order:
        nft.load(nft_json.batch(nft_json.transaction(found(nft), ruleset)))
        assert list(differences(nft_json.Contents.of(ruleset), found(nft))) == []


@pytest.mark.parametrize("name", ["03-port-forwards", "19-folded-rules"])
def test_what_was_listed_can_be_put_back(nft: Nft, name: str) -> None:
    ruleset = RULESETS[name]
    nft.load(nft_json.batch(nft_json.whole(ruleset)))
    listed = nft.list_table("inet", "patronus") or []
    nft.load(nft_json.batch([nft_json.remove_table("patronus"), *nft_json.recreate(listed)]))
    assert list(differences(nft_json.Contents.of(ruleset), found(nft))) == []


def test_no_text_of_a_person_reaches_the_kernel(nft: Nft) -> None:
    """Hostile names stay in the file: the ruleset is the same as with harmless ones."""
    nft.load(nft_json.batch(nft_json.whole(RULESETS["07-hostile-names"])))
    text = str(nft.list_table("inet", "patronus"))
    for word in ("flush", "reboot", "policy accept", ";", "%n"):
        assert word not in text
