# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks what a source has, and brings a release in: all refusals first, then only what the owner has signed.

Runs as a user that owns nothing but the folder of the download.
"""

from __future__ import annotations

import os
import shutil
import time
from functools import partial
from pathlib import Path

from patronus.core.errors import InvalidConfiguration, NotFound, PatronusError, StorageError
from patronus.update import task as handed
from patronus.update.machine import Facts
from patronus.update.refusal import refusals
from patronus.update.release import SIGNATURE, SUMS, SUMS_LIMIT, Description, Release, describe, releases
from patronus.update.signature import verify
from patronus.update.source import Source
from patronus.update.task import Offer, Places, Report, Task

TELL_S = 0.5
SPARE = 64 << 20
"""Bytes that the router's own state keeps on the data partition."""
KINDS = ("verity", "root", "uki", "description")
UP_TO_DATE = "up to date"
OFFERED = 5
"""Releases that are looked into at most, from the newest."""


class Fetch:
    """One run. ``facts`` are how the machine stands."""

    def __init__(self, task: Task, facts: Facts, places: Places) -> None:
        self._task = task
        self._facts = facts
        self._places = places
        self._source = Source(task.source, task.ca)
        self._told = 0.0

    def go(self) -> Report:
        """Do the task; return its last report. Raises the error tree where nothing comes of it."""
        self._tell("looking at the source", 0, 0)
        sums, signature = self._source.read(SUMS, SUMS_LIMIT), self._source.read(SIGNATURE, SUMS_LIMIT)
        verify(sums, signature, list(self._places.keyrings))
        listed = releases(sums.decode(errors="replace"))
        if self._task.action == "check":
            offers = [self._offer(release) for release in listed[:OFFERED]]
            return Report(number=self._task.number, state="done", step="looked", offers=offers)
        release = self._wanted(listed)
        if release.version == self._facts.running and self._task.version is None:
            return Report(number=self._task.number, state="done", step=UP_TO_DATE)
        self._take(release, sums, signature)
        return Report(number=self._task.number, state="done", step="downloaded", version=release.version)

    def _offer(self, release: Release) -> Offer:
        """Return what a release would be to this machine, with what refuses it."""
        try:
            said = self._described(release)
        except PatronusError as error:
            return Offer(version=release.version, download_bytes=0, problems=[str(error)])
        problems = [problem.render() for problem in refusals(self._facts, said, self._task)]
        size = sum(self._source.size(release.files[kind].name) for kind in KINDS)
        return Offer(version=release.version, download_bytes=size, problems=problems)

    def _wanted(self, listed: list[Release]) -> Release:
        version = self._task.version
        found = [release for release in listed if version in (None, release.version)]
        if not found:
            raise NotFound(f"the source has no version {version}" if version else "the source has no release")
        return found[0]

    def _described(self, release: Release) -> Description:
        """Return a release's description, as it was signed. Raises NotFound where the set is not whole."""
        if release.missing:
            lacks = ", ".join(release.missing)
            raise NotFound(f"the release {release.version} is not whole: it lacks {lacks}")
        file = release.files["description"]
        target = self._folder() / file.name
        target.unlink(missing_ok=True)
        self._source.fetch(file.name, file.sha256, target, lambda _: None)
        return describe(target.read_bytes()[:SUMS_LIMIT], release.version)

    def _take(self, release: Release, sums: bytes, signature: bytes) -> None:
        """Bring the files in; files of other releases make room first."""
        said = self._described(release)
        if problems := list(refusals(self._facts, said, self._task)):
            raise InvalidConfiguration(problems)
        wanted = {file.name: file for file in release.files.values()}
        for path in self._folder().iterdir():
            if path.name not in wanted:
                path.unlink()
        sizes = {name: self._source.size(name) for name in wanted}
        self._check_room(sum(sizes.values()))
        before = 0
        for name, file in wanted.items():
            progress = partial(self._tell_download, before, sum(sizes.values()))
            self._source.fetch(name, file.sha256, self._folder() / name, progress)
            before += sizes[name]
        (self._folder() / SUMS).write_bytes(sums)
        (self._folder() / SIGNATURE).write_bytes(signature)

    def _check_room(self, needed: int) -> None:
        there = sum(path.stat().st_size for path in self._folder().iterdir())
        free = shutil.disk_usage(self._folder()).free
        if free + there < needed + SPARE:
            more = needed + SPARE - there
            raise StorageError(f"the data partition has {free >> 20} MiB free, {more >> 20} MiB are needed")

    def _folder(self) -> Path:
        self._places.release.mkdir(exist_ok=True)
        return self._places.release

    def _tell_download(self, before: int, total: int, done: int) -> None:
        self._tell("downloading", before + done, total)

    def _tell(self, step: str, done: int, total: int) -> None:
        """Report progress, not more often than anyone looks."""
        if (now := time.monotonic()) - self._told >= TELL_S or not done:
            self._told = now
            report = Report(number=self._task.number, state="running", step=step, done=done, total=total)
            handed.write(self._places.fetch, report)


def run(places: Places) -> Report:
    """Do the task that patronusd wrote and report; whatever goes wrong is in the report."""
    os.umask(0o022)  # the installing program reads the release as another user
    task, facts = handed.read(Task, places.task), handed.read(Facts, places.facts)
    number = task.number if task else 0
    try:
        if task is None or facts is None:
            raise NotFound("there is no task: patronusd starts this program")
        report = Fetch(task, facts, places).go()
    except PatronusError as error:
        report = Report(number=number, state="failed", error=str(error)[:4000])
    except OSError as error:
        report = Report(number=number, state="failed", error=f"the download cannot be kept: {error}")
    handed.write(places.fetch, report)
    return report
