# SPDX-License-Identifier: GPL-2.0-or-later
"""Run the full counts of what ``make test`` samples: ``python3 -m tests.soak [NAME …]``.

Each run draws a seed unless PATRONUS_SEED gives one, and writes seed, counts, commit and outcome to
``build/soak/SECONDS.json``, also when something fails.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from image.enter import command_line
from image.host import BUILD, BuildError, cache, complain
from tests.bench.rows import commit


@dataclass(frozen=True)
class Soak:
    """What is run and how often. ``counts`` are the environment of the tests."""

    what: tuple[str, ...]
    counts: Mapping[str, str] = field(default_factory=dict)
    in_tree: bool = True


PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
SOAKS = {
    "xdp": Soak(
        (*PYTEST, "tests/bpf/test_reference.py", "tests/bpf/test_rules.py"),
        {"PATRONUS_SOAK_PACKETS": "1000000"},
    ),
    "planes": Soak(
        (*PYTEST, "-s", "tests/netns/firewall/test_planes.py"),
        {"PATRONUS_PLANE_SETS": "200", "PATRONUS_PLANE_PACKETS": "10000"},
    ),
    "firewall": Soak(
        (*PYTEST, "tests/netns/firewall/test_model_and_kernel.py"), {"PATRONUS_RULE_SETS": "200"}
    ),
    "generated": Soak((*PYTEST, "-n", "2", "tests/unit"), {"HYPOTHESIS_PROFILE": "soak"}, in_tree=False),
    "rest": Soak((*PYTEST, "tests/web/test_schema_fuzz.py"), {"PATRONUS_FUZZ_EXAMPLES": "200"}),
    "requests": Soak((*PYTEST, "tests/netns/daemon/test_fuzz.py"), {"PATRONUS_REQUESTS": "10000"}),
    "mutated": Soak(
        (*PYTEST, "tests/netns/services/test_mutated.py"), {"PATRONUS_MUTATED_PACKETS": "100000"}
    ),
    "power": Soak((*PYTEST, "tests/vm/test_5_persistence.py"), {"PATRONUS_POWER_CUTS": "20"}),
    "killed": Soak((*PYTEST, "tests/netns/daemon/test_killed.py"), {"PATRONUS_KILL_POINTS": "1000"}),
    "profiles": Soak(("-m", "tests.soak.profiles"), in_tree=False),
    "plugin": Soak(("-m", "tests.soak.plugin"), in_tree=False),
    "tampering": Soak((*PYTEST, "tests/vm/test_a_tampering.py"), {"PATRONUS_TAMPERING": "1"}),
    "updates": Soak((*PYTEST, "tests/vm/test_e_updates.py"), {"PATRONUS_UPDATES": "1"}),
    "sealing": Soak((*PYTEST, "tests/vm/test_e_sealing.py"), {"PATRONUS_SEALING": "1"}),
    "cuts": Soak((*PYTEST, "tests/netns/update/test_power_cuts.py"), {"PATRONUS_CUT_POINTS": "200"}),
    "recovery": Soak((*PYTEST, "tests/vm/test_f_recovery.py"), {"PATRONUS_RECOVERY": "1"}),
    "install": Soak((*PYTEST, "tests/vm/test_g_install.py"), {"PATRONUS_INSTALL": "1"}),
    "reproducible": Soak(("-m", "tests.soak.reproducible"), in_tree=False),
}


@dataclass(frozen=True)
class Outcome:
    """How one soak ended."""

    name: str
    counts: Mapping[str, str]
    seconds: int
    passed: bool


def run(name: str, seed: str) -> Outcome:
    """Run one soak to its end, whatever it takes."""
    soak = SOAKS[name]
    given = {**soak.counts, "PATRONUS_SEED": seed}
    if soak.in_tree:
        words = ["/usr/bin/env", *(f"{key}={value}" for key, value in given.items()), "/usr/bin/python3"]
        command = command_line([*words, *soak.what])
    else:
        command = [str(cache() / "venv/bin/python"), *soak.what]
    print(f"\n== {name}, seed {seed}, {dict(soak.counts) or 'once'}", flush=True)
    start = time.monotonic()
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, env={**os.environ, **given})
    return Outcome(name, soak.counts, round(time.monotonic() - start), done.returncode == 0)


def write(seed: str, outcomes: list[Outcome]) -> Path:
    """Write what is known by now and return the file."""
    folder = BUILD / "soak"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{STARTED}.json"
    known = {"commit": commit(), "seed": seed, "started": STARTED, "soaks": [asdict(one) for one in outcomes]}
    path.write_text(json.dumps(known, indent=2) + "\n")
    return path


STARTED = int(time.time())


def main() -> int:
    """Run the soaks, or those named; 1 when one failed."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.soak", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(SOAKS)}; default: all")
    names = parser.parse_args().names or list(SOAKS)
    if unknown := sorted(set(names) - SOAKS.keys()):
        parser.error(f"no soak is called {', '.join(unknown)}")
    seed = os.environ.get("PATRONUS_SEED") or str(secrets.randbelow(1 << 31))
    outcomes: list[Outcome] = []
    try:
        for name in names:
            outcomes.append(run(name, seed))
            print(write(seed, outcomes))
    except BuildError as error:
        complain(error)
    for one in outcomes:
        print(f"   {one.name}: {'passed' if one.passed else 'FAILED'} in {one.seconds} s")
    return 0 if all(one.passed for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
