# SPDX-License-Identifier: GPL-2.0-or-later
"""Why a release is not taken: looked for before anything is written, and all reasons told at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from patronus.core.problem import Problem
from patronus.update.machine import Facts
from patronus.update.release import Description
from patronus.update.task import Task
from patronus.update.version import rank

SPARE = 4 << 20
"""Bytes that stay free on the boot partition: its names and its directory grow."""


def standing_refusals(facts: Facts) -> Iterator[Problem]:
    """Yield what refuses every release on this machine as it stands."""
    entry = facts.running_entry
    if entry is None:
        yield _problem("slot", f"the boot entry of the running version {facts.running} is not there",
                       hint="this machine was not started from a slot of Patronus")  # fmt: skip
    elif entry.bad and not entry.failed:
        yield _problem(
            "slot",
            f"somebody went back from the running version {facts.running}",
            hint="restart first; the other slot is the way back and is not written over",
        )
    elif entry.left is not None:
        yield _problem(
            "slot",
            f"the running version {facts.running} has not proved itself: its boots are still counted",
            hint="wait until it has; the other slot is the way back and is not written over",
        )


def refusals(facts: Facts, said: Description, task: Task) -> Iterator[Problem]:
    """Yield why this release is not taken on this machine, by this task."""
    yield from standing_refusals(facts)
    yield from _version(facts, said.version, task)
    yield from _room(facts, said)
    if not said.schema_from <= facts.schema_version <= said.schema_version:
        yield _problem(
            "schema",
            f"version {said.version} reads configurations of the formats {said.schema_from} to "
            f"{said.schema_version}, this router's is {facts.schema_version}",
            hint="update in steps" if said.schema_from > facts.schema_version else
            "it would start with the last configuration that it can read",
        )  # fmt: skip


def _version(facts: Facts, version: str, task: Task) -> Iterator[Problem]:
    if version == facts.running:
        yield _problem("version", f"version {version} runs already")
    elif rank(version) < rank(facts.running) and not task.allow_downgrade:
        yield _problem("version", f"version {version} is older than {facts.running}, which runs",
                       hint="--allow-downgrade takes it all the same")  # fmt: skip
    if version in task.refused and not task.again:
        yield _problem("version", f"version {version} is refused: {task.refused[version]}",
                       hint="--again tries it once more")  # fmt: skip


def _room(facts: Facts, said: Description) -> Iterator[Problem]:
    needed, there = said.uki + SPARE, facts.esp_free + facts.esp_given_up
    if there < needed:
        message = f"the boot partition has room for {there >> 20} MiB, {needed >> 20} MiB are needed"
        yield _problem(
            "esp", message, hint="files there that are not of Patronus (du -a /boot) can be removed"
        )
    for kind, part in (("root", said.root), ("verity", said.verity)):
        largest = max((slot.bytes for slot in facts.others(kind)), default=0)
        if largest < part.bytes:
            yield _problem(
                kind,
                f"the other slot has {largest >> 20} MiB for the {kind} partition, "
                f"{-(-part.bytes >> 20)} MiB are needed",
            )


def _problem(what: str, message: str, hint: str | None = None) -> Problem:
    return Problem(("update", what), message, hint=hint)
