# SPDX-License-Identifier: GPL-2.0-or-later
"""Run the suites named on the command line, each where it belongs, and add up what they say.

``python3 -m tests.suites unit netns`` prints each suite's time beside its budget, and closes with one line of
totals. A suite that has no folder, or collects no test, has failed: nothing passes by being absent.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from image.enter import command_line
from image.host import BUILD, CHECKOUT, BuildError, cache, complain, make_ours, run
from tests.reports import Outcome, failed_tests, read_report

REPORTS = BUILD / "reports"


@dataclass(frozen=True)
class Suite:
    """Where a suite's tests lie, where they run, and the minutes that it should stay within."""

    place: str
    budget_min: int
    in_tree: bool = True
    options: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    """With what a few failed tests are run once more; empty for never. Whole machines starve now and then."""


HANGS_S = 1200
"""A test that takes longer hangs: where is printed, and it has failed."""
LIMITS = (
    *("--max-worker-restart=0", "--timeout-method=thread", f"--timeout={HANGS_S}"),
    *("-o", f"faulthandler_timeout={HANGS_S - 60}"),
)
PARALLEL = ("-n", "2", *LIMITS)
BY_FILE = ("--dist", "loadfile")
"""Each worker has a machine of its own (tests/worker.py); a file's tests share what they start."""
WAITING = ("-n", "4", *LIMITS, *BY_FILE)
"""These tests wait most of their time, for clocks and other processes: twice as many workers use it."""
NO_FUZZ = ("-p", "no:schemathesis")
"""The plugin takes a second to import in each worker; the suite web alone uses it."""
WORKSTATION_ONLY = ("--ignore=tests/unit/image", "--ignore=tests/unit/qemu")
"""The builder and the harness never run on the device."""
ALONE = ("-n", "1", *LIMITS)
SECOND_LOOKS = 5
"""More failures than these are no accident, and are not run again."""
SUITES = {
    "unit": Suite("tests/unit", 1, in_tree=False, options=(*PARALLEL, *NO_FUZZ)),
    "unit-device": Suite("tests/unit", 2, options=(*PARALLEL, *WORKSTATION_ONLY, *NO_FUZZ)),
    "golden": Suite("tests/golden", 1, in_tree=False),
    "bpf": Suite("tests/bpf", 2, options=(*PARALLEL, *BY_FILE, *NO_FUZZ)),
    "netns": Suite("tests/netns", 5, options=(*WAITING, *NO_FUZZ), again=ALONE),
    "web": Suite("tests/web", 3, options=(*PARALLEL, *BY_FILE), again=ALONE),
    "vm": Suite("tests/vm", 15, options=(*PARALLEL, "--dist", "worksteal"), again=ALONE),
}


def tracked(*suffixes: str) -> list[str]:
    """Return the tracked files with one of the suffixes."""
    listing = run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture=True)
    return sorted(name for name in listing.split("\0") if name.endswith(suffixes))


def shell_scripts() -> list[str]:
    """Return the tracked files that a shell runs, known by their first line."""
    scripts = []
    for name in tracked(""):
        path = CHECKOUT / name
        if path.is_file() and path.open("rb").readline().startswith(
            (b"#!/bin/bash", b"#!/usr/bin/env bash", b"#!/bin/sh")
        ):
            scripts.append(name)
    return scripts


def lint_steps() -> dict[str, list[str]]:
    """Return the linters by name: those of the virtual environment, then those of the test tree."""
    tool = cache() / "venv/bin"
    return {
        "mypy --strict": [str(tool / "mypy")],  # the longest one first
        "ruff check": [str(tool / "ruff"), "check", "."],
        "ruff format": [str(tool / "ruff"), "format", "--check", "."],
        "import-linter": [str(tool / "lint-imports")],
        "clang-format": command_line(["clang-format", "--dry-run", "-Werror", *tracked(".bpf.c", ".h")]),
        "shellcheck": command_line(["shellcheck", *shell_scripts()]),
    }


def lint() -> Outcome:
    """Run every linter, two at a time, also after one has failed; each counts as one test."""
    total, steps = Outcome(), lint_steps()
    with ThreadPoolExecutor(max_workers=2) as pool:
        for name, (good, said) in zip(steps, pool.map(_lint_step, steps.values()), strict=True):
            print(f"{said}   lint: {name}: {'passed' if good else 'FAILED'}", flush=True)
            total += Outcome(passed=int(good), failed=int(not good))
    return total


def _lint_step(command: list[str]) -> tuple[bool, str]:
    """Return whether a linter is content, and what it says."""
    done = subprocess.run(
        command, cwd=CHECKOUT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.returncode == 0, done.stdout


def run_suite(name: str, suite: Suite) -> Outcome:
    """Run pytest on the suite and return what its report says; a broken run counts as one failure."""
    if not (CHECKOUT / suite.place).is_dir():
        print(f"   {name}: there is no {suite.place}", flush=True)
        return Outcome(failed=1)
    outcome, failed = _pytest(name, suite, (*suite.options, suite.place))
    if suite.again and 0 < len(failed) == outcome.failed <= SECOND_LOOKS:
        print(f"   {name}: once more, by themselves: {' '.join(failed)}", flush=True)
        again, still = _pytest(f"{name}-again", suite, (*suite.again, *failed))
        return outcome.after(again, failed, still)
    return outcome


def _pytest(name: str, suite: Suite, words: tuple[str, ...]) -> tuple[Outcome, tuple[str, ...]]:
    """Run pytest with the words; return how it ended, and the tests that failed."""
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    python = "/usr/bin/python3" if suite.in_tree else str(cache() / "venv/bin/python")
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *words]
    argv, environment = (command_line(command), None) if suite.in_tree else (command, _compiled())
    done = subprocess.run(argv, env=environment, cwd=CHECKOUT, check=False)
    if not report.exists():
        return Outcome(failed=1), ()
    outcome = read_report(report)
    broken = outcome.passed + outcome.failed == 0 or (done.returncode != 0 and outcome.failed == 0)
    return replace(outcome, failed=outcome.failed + 1) if broken else outcome, failed_tests(report)


def _compiled() -> dict[str, str]:
    """Return an environment in which what one process compiles is there for the next, outside the sources."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(BUILD / "pyc")}


def run_named(name: str) -> Outcome:
    """Run one suite, or the linters, and say how long it took."""
    budget_min = 2 if name == "lint" else SUITES[name].budget_min
    print(f"\n== {name} (budget {budget_min} min)", flush=True)
    start = time.monotonic()
    outcome = lint() if name == "lint" else run_suite(name, SUITES[name])
    print(f"== {name}: {outcome} in {time.monotonic() - start:.0f} s of {60 * budget_min} s", flush=True)
    return outcome


def main() -> None:
    """Run the suites in the order given; leave with status 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.suites", description=__doc__)
    parser.add_argument("names", nargs="+", choices=["lint", *SUITES], metavar="SUITE")
    names = parser.parse_args().names
    REPORTS.mkdir(parents=True, exist_ok=True)
    try:
        outcomes = {name: run_named(name) for name in names}
        make_ours(REPORTS)
    except BuildError as error:
        complain(error)
    for name, outcome in outcomes.items():
        print(f"   {name}: {outcome}")
    total = sum(outcomes.values(), Outcome())
    for test in total.unsteady:
        print(f"   unsteady, failed and then passed by itself: {test}")
    print(total)
    sys.exit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
