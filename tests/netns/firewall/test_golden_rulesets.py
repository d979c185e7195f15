# SPDX-License-Identifier: GPL-2.0-or-later
"""Every golden ruleset is one that the kernel takes, holds as written, and changes into every other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from patronus.firewall.table import commands
from patronus.firewall.table.read_back import contents, differences
from patronus.firewall.table.ruleset import Ruleset
from patronus.firewall.table.script import script
from patronus.kernel import nft as nft_module
from patronus.kernel.nft import Nft
from patronus.kernel.nft_batch import encoded
from tests.golden.case import cases
from tests.netns.lab import Namespace

RULESETS = {case.folder.name: case.plan.ruleset for case in cases() if case.plan is not None}
LACKING = "this kernel has no nft_queue"
"""What the kernel of a workstation may lack; the image's has it, as tests/vm/test_e_packets.py shows."""


@pytest.fixture
def nft() -> Iterator[Nft]:
    namespace = Namespace()
    with namespace:
        yield Nft()
    namespace.close()


def found(nft: Nft) -> commands.Contents:
    if ("inet", "patronus") not in nft.tables():
        return commands.NOTHING
    where = "inet", "patronus"
    return contents(nft.parts(*where), nft.rules(*where), nft.objects(*where), nft.flow_tables(*where))


@pytest.mark.parametrize("ruleset", RULESETS.values(), ids=RULESETS)
def test_the_kernel_takes_it_and_tells_it_back(nft: Nft, ruleset: Ruleset) -> None:
    whole = commands.batch(commands.whole(ruleset))
    refusal = nft.check(whole)
    if refusal is not None and LACKING in refusal:
        pytest.skip(LACKING)
    assert refusal is None
    assert nft.tables() == frozenset()
    nft.load(whole)
    assert list(differences(commands.Contents.of(ruleset), found(nft))) == []
    assert commands.transaction(found(nft), ruleset) == []


def _listed(nft: Nft) -> list[str]:
    """Return the table as it is listed, but for the kernel's own numbers."""
    items = nft.list_table("inet", "patronus") or []
    return [json.dumps({kind: fields | {"handle": 0}}) for item in items for kind, fields in item.items()]


@pytest.mark.parametrize("ruleset", RULESETS.values(), ids=RULESETS)
def test_it_is_the_same_by_libnftables_and_by_ourselves(
    nft: Nft, ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large batches are put together by ourselves, small ones by libnftables."""
    if _lacks(nft, ruleset):
        pytest.skip(LACKING)
    whole = commands.batch(commands.whole(ruleset))
    encoded(whole["nftables"])
    found = []
    for large in (len(whole["nftables"]), 0):
        monkeypatch.setattr(nft_module, "LARGE", large)
        nft.load(whole)
        found.append(_listed(nft))
        if whole["nftables"]:
            nft.load(commands.batch([commands.remove_table("patronus")]))
    assert found[0] == found[1]


@pytest.mark.parametrize("ruleset", RULESETS.values(), ids=RULESETS)
def test_it_is_the_same_by_the_program_that_loads_the_head_start(nft: Nft, ruleset: Ruleset) -> None:
    if _lacks(nft, ruleset):
        pytest.skip(LACKING)
    nft.load(commands.batch(commands.whole(ruleset)))
    wanted = _listed(nft)
    nft.load(commands.batch([commands.remove_table("patronus")] if wanted else []))
    line = script(ruleset)
    subprocess.run(["nft", "-j", "-f", "-"], input=line.text, text=True, check=True, timeout=120)
    assert _listed(nft) == wanted


def test_each_changes_into_the_next_and_back(nft: Nft) -> None:
    known = [one for one in RULESETS.values() if not _lacks(nft, one)]
    assert len(known) >= len(RULESETS) - 1
    order = [*known, *reversed(known)]
    for ruleset in order:
        nft.load(commands.batch(commands.transaction(found(nft), ruleset)))
        assert list(differences(commands.Contents.of(ruleset), found(nft))) == []


def _lacks(nft: Nft, ruleset: Ruleset) -> bool:
    return LACKING in (nft.check(commands.batch(commands.whole(ruleset))) or "")


@pytest.mark.parametrize("name", ["03-port-forwards", "19-folded-rules", "29-indexed-rules"])
def test_what_was_listed_can_be_put_back(nft: Nft, name: str) -> None:
    ruleset = RULESETS[name]
    nft.load(commands.batch(commands.whole(ruleset)))
    listed = nft.list_table("inet", "patronus") or []
    nft.load(commands.batch([commands.remove_table("patronus"), *commands.recreate(listed)]))
    assert list(differences(commands.Contents.of(ruleset), found(nft))) == []


def test_no_text_of_a_person_reaches_the_kernel(nft: Nft) -> None:
    """Hostile names stay in the file: the ruleset is the same as with harmless ones."""
    nft.load(commands.batch(commands.whole(RULESETS["07-hostile-names"])))
    text = str(nft.list_table("inet", "patronus"))
    for word in ("flush", "reboot", "policy accept", ";", "%n"):
        assert word not in text
