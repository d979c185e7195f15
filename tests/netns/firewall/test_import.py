# SPDX-License-Identifier: GPL-2.0-or-later
"""What was imported means what it meant: theirs in the kernel, ours in the model, the same packets.

The kernel gets the file without the lines that the import names; the packets are drawn from a seed.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

from patronus.firewall.importing.iptables import Import, imported
from patronus.firewall.importing.nft import imported_nft
from patronus.firewall.importing.translated import Interface
from tests.netns.firewall.driver import Firewall
from tests.netns.firewall.generated import packets
from tests.netns.firewall.test_model_and_kernel import (  # noqa: F401
    Ears,
    crowd,
    forget,
    kernel_says,
    model_says,
)
from tests.netns.lab import Lab

SEED = os.environ.get("PATRONUS_SEED", "1")
SAVED = Path(__file__).parents[2] / "unit" / "firewall" / "saved"
PACKETS = 150
PLAIN = {"eth0": "wan", "eth1": "lan", "eth2": "guest"}
NAMES = {
    "docker.v4": {"eth0": "wan", "eth1": "lan", "docker0": "guest"},
    **dict.fromkeys(
        ("home.v4", "server.v4", "home.v6", "home.json", "kube.v4", "ufw.v4", "fail2ban.v4", "shorewall.v4",
         "csf.v4", "gateway.v4", "fw3.v4", "server.v6", "fw4.json", "firewalld.json", "wiki.json",
         "docker.json"),
        PLAIN,
    ),
}  # fmt: skip
"""Files as others' programs write them, and whose interface is which of ours."""


PROGRAMS = {
    "v4": ("iptables-legacy-restore",), "v6": ("ip6tables-legacy-restore",), "json": ("nft", "-j", "-f"),
}  # fmt: skip
"""Ending of a file → what brings it into the kernel."""


def restore(lab: Lab, folder: Path, text: str, kind: str) -> None:
    path = folder / "rules"
    path.write_text(text)
    lock = {**os.environ, "XTABLES_LOCKFILE": str(folder / "lock")}
    with lab.router:
        command = [*PROGRAMS[kind], str(path)]
        done = subprocess.run(command, env=lock, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{text}"


def without(text: str, found: Import) -> str:
    """Return a file without what the import names as left out."""
    left = {(one.line, one.text.partition(":")[0]) for one in found.left if "taken for" not in one.reason}
    if text.startswith("{"):
        every = [next(iter(entry.items())) for entry in json.loads(text)["nftables"]]
        kept = [
            {kind: item} for kind, item in every
            if kind != "rule"
            or (item["handle"], f"{item['family']} {item['table']} {item['chain']}") not in left
        ]  # fmt: skip
        return json.dumps({"nftables": kept})
    numbers = {line for line, _ in left}
    return "\n".join(line for at, line in enumerate(text.splitlines(), 1) if at not in numbers) + "\n"


def versions(text: str, kind: str) -> set[bool]:
    """Return whether the packets for a file are of IPv6; of both families where a ruleset of nftables is."""
    if kind == "json" and '"family": "inet"' not in text:
        return {'"family": "ip6"' in text}
    return {"v4": {False}, "v6": {True}, "json": {False, True}}[kind]


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("name", NAMES)
def test_what_was_imported_decides_as_it_did(lab: Lab, tmp_path: Path, name: str) -> None:
    names, text, kind = NAMES[name], (SAVED / name).read_text(), name.partition(".")[2]
    read = imported_nft if kind == "json" else imported
    found = read(text, {their: Interface(ours, ours) for their, ours in names.items()})
    kept = without(text, found)
    for their, ours in names.items():
        kept = kept.replace(their, ours)
    firewall = Firewall(lab)
    made: dict[str, Any] = {"rules": {"rules": found.rules}, "nat": {"nat": found.nat}}
    firewall.apply(**{file: json.dumps(data) for file, data in made.items()})
    assert firewall.running is not None
    lab.router.run("nft", "delete", "table", "inet", "patronus")
    restore(lab, tmp_path, kept, kind)
    forget(lab)
    every = packets(Random(f"import/{SEED}"), PACKETS * 2)
    sent = [one for one in every if (":" in one.source) in versions(text, kind)][:PACKETS]
    ears, fates = Ears(lab), set()
    for item, fate in zip(sent, kernel_says(lab, ears, sent), strict=True):
        assert fate == model_says(firewall.running.policy, item), f"seed {SEED}: {item}\n{kept}\n{made}"
        fates.add(fate)
    ears.close()
    assert len(fates) >= 2, "the packets of the sample all met the same"
