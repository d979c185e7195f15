# SPDX-License-Identifier: GPL-2.0-or-later
"""What suites say about themselves: counts, and which tests failed, read from JUnit files."""

from __future__ import annotations

import xml.etree.ElementTree as Xml
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """How many tests of a suite ended how, and which of those that passed did so at the second try alone."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    unsteady: tuple[str, ...] = ()

    def __add__(self, other: Outcome) -> Outcome:
        """Return both together."""
        return Outcome(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.unsteady + other.unsteady,
        )

    def __str__(self) -> str:
        """Return the line that people and CI read."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        unsteady = f", {len(self.unsteady)} of the passed unsteady" if self.unsteady else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}{unsteady}"

    def after(self, again: Outcome, tried: tuple[str, ...], still: tuple[str, ...]) -> Outcome:
        """Return the outcome once what failed was tried again; what passes now is unsteady."""
        saved = tuple(name for name in tried if name not in still)
        if again.passed != len(saved):
            return self
        return replace(self, passed=self.passed + len(saved), failed=self.failed - len(saved), unsteady=saved)


def read_report(report: Path) -> Outcome:
    """Return the counts of a JUnit file."""
    counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for part in Xml.parse(report).getroot().iter("testsuite"):
        for name in counts:
            counts[name] += int(part.get(name, "0"))
    failed = counts["failures"] + counts["errors"]
    return Outcome(counts["tests"] - failed - counts["skipped"], failed, counts["skipped"])


def failed_tests(report: Path) -> tuple[str, ...]:
    """Return the tests of a JUnit file that failed, by the names that pytest takes."""
    found: dict[str, None] = {}
    for case in Xml.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            place, name = case.get("classname", ""), case.get("name", "")
            found[f"{place.replace('.', '/')}.py::{name}" if place else name] = None
    return tuple(found)
