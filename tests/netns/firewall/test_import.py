# SPDX-License-Identifier: GPL-2.0-or-later
"""What was imported means what it meant: iptables in the kernel, our rules in the model, the same packets.

The kernel gets the file without the lines that the import names; the packets are drawn from a seed.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from patronus.firewall.importing.iptables import imported
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
NAMES = {
    "home": {"eth0": "wan", "eth1": "lan", "eth2": "guest"},
    "server": {"eth0": "wan", "eth1": "lan", "eth2": "guest"},
    "docker": {"eth0": "wan", "eth1": "lan", "docker0": "guest"},
}


def restore(lab: Lab, folder: Path, text: str) -> None:
    path = folder / "rules.v4"
    path.write_text(text)
    lock = {**os.environ, "XTABLES_LOCKFILE": str(folder / "lock")}
    with lab.router:
        command = ["iptables-legacy-restore", str(path)]
        done = subprocess.run(command, env=lock, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{text}"


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("name", NAMES)
def test_what_was_imported_decides_as_it_did(lab: Lab, tmp_path: Path, name: str) -> None:
    names, text = NAMES[name], (SAVED / f"{name}.v4").read_text()
    found = imported(text, {their: Interface(ours, ours) for their, ours in names.items()})
    left = {one.line for one in found.left if "taken for" not in one.reason}
    kept = "\n".join(line for number, line in enumerate(text.splitlines(), 1) if number not in left)
    for their, ours in names.items():
        kept = kept.replace(their, ours)
    firewall = Firewall(lab)
    made: dict[str, Any] = {"rules": {"rules": found.rules}, "nat": {"nat": found.nat}}
    firewall.apply(**{file: yaml.safe_dump(data) for file, data in made.items()})
    assert firewall.running is not None
    lab.router.run("nft", "delete", "table", "inet", "patronus")
    restore(lab, tmp_path, kept + "\n")
    forget(lab)
    sent = [one for one in packets(Random(f"import/{SEED}"), PACKETS * 2) if ":" not in one.source][:PACKETS]
    ears, fates = Ears(lab), set()
    for item, fate in zip(sent, kernel_says(lab, ears, sent), strict=True):
        assert fate == model_says(firewall.running.policy, item), f"seed {SEED}: {item}\n{kept}\n{made}"
        fates.add(fate)
    ears.close()
    assert len(fates) >= 3, "the packets of the sample all met the same"
