# SPDX-License-Identifier: GPL-2.0-or-later
"""The power fails, or the disk does, before any one operation of a commit: old or new runs, and whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from patronus.core.edit import Edit, Insert, Replace
from patronus.core.errors import PatronusError, StorageError
from patronus.core.files import FILE_MODE, Disk
from tests.unit.core.router import ADMIN, REMOTE, Kernel, Router

DRAFTING = replace(ADMIN, draft=True)
EDITS: list[Edit] = [
    Insert("firewall/rules", ("rules",), {"zone": "lan", "name": "new"}),
    Replace("zones", ("zones", "lan", "name"), "renamed"),
]


class PowerCut(BaseException):
    """Nothing runs after it."""


class Lost(Disk):
    """A disk that stops before operation ``at`` and can then forget whatever was not synced.

    Without a sync, a file's content may be gone and a folder's new names may be gone; that is all that
    POSIX promises, and what ``forget`` does, from the newest to the oldest. A sync is only noted.
    """

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.count = 0
        self.error: Callable[[int], BaseException | None] = lambda _count: PowerCut()
        self._order: list[tuple[Path, Callable[[], None]]] = []

    def _step(self, operation: str, path: Path) -> None:
        self.count += 1
        if self.at is not None and self.count > self.at:
            error = self.error(self.count)
            if error is not None:
                raise error

    def _note(self, path: Path, forget: Callable[[], None]) -> None:
        self._order.append((path, forget))

    def forget(self, share: float = 1.0) -> None:
        """Lose this share of what was not synced, the newest first."""
        for _path, action in reversed(self._order[round(len(self._order) * (1 - share)) :]):
            action()
        self._order = []

    def create(self, path: Path, data: bytes, mode: int = FILE_MODE) -> None:
        self._step("create", path)
        super().create(path, data, mode)
        self._note(path, lambda: _fill(path, b"\0" * len(data)))
        self._note(path.parent, lambda: path.unlink(missing_ok=True))

    def append(self, path: Path, data: bytes, mode: int = FILE_MODE) -> None:
        self._step("append", path)
        size = path.stat().st_size if path.exists() else 0
        super().append(path, data, mode)
        self._note(path, lambda: os.truncate(path, size + len(data) // 2))

    def sync(self, path: Path) -> None:
        self._step("sync", path)
        self._order = [one for one in self._order if one[0] != path]

    def rename(self, old: Path, new: Path) -> None:
        self._step("rename", old)
        before = new.read_bytes() if new.is_file() else None
        super().rename(old, new)
        moved = [(path, action) for path, action in self._order if path == old]
        assert not moved, f"{old} was renamed before its content was synced"

        def back() -> None:
            new.replace(old)
            if before is not None:
                new.write_bytes(before)

        self._note(new.parent, back)

    def make_folder(self, path: Path) -> None:
        self._step("make_folder", path)
        super().make_folder(path)

    def remove(self, path: Path) -> None:
        self._step("remove", path)
        data = path.read_bytes() if path.exists() else None
        super().remove(path)
        if data is not None:
            kept = data
            self._note(path.parent, lambda: _fill(path, kept))

    def remove_tree(self, path: Path) -> None:
        self._step("remove_tree", path)
        super().remove_tree(path)


def _fill(path: Path, data: bytes) -> None:
    if path.parent.exists():
        path.write_bytes(data)


def submit(router: Router, *, remote: bool) -> None:
    router.engine.submit(EDITS, REMOTE if remote else ADMIN, confirm_s=30 if remote else None)


def prepared(root: Path, disk: Disk) -> tuple[Router, dict[str, str]]:
    """Return a router with one change made, on a disk that works so far, and its files."""
    template = root.parent / "template"
    if not template.exists():
        first = Router(template)
        first.start().submit([Insert("firewall/rules", ("rules",), {"zone": "lan", "name": "first"})], ADMIN)
    shutil.copytree(template, root)
    router = Router(root, kernels=1, disk=disk)
    router.kernel = Kernel(root / "kernel-1")
    router.start(reboot=False)
    return router, router.engine.texts


def operations(tmp_path: Path, *, remote: bool) -> tuple[int, dict[str, str], int]:
    """Return how many operations start and whole commit take, and the files after it."""
    disk = Lost()
    router, _ = prepared(tmp_path / "measured", disk)
    begun = disk.count
    submit(router, remote=remote)
    return disk.count - begun, router.engine.texts, begun


def nothing(router: Router) -> None:
    """Begin from what runs."""


def waiting(router: Router) -> None:
    """Begin with a change that waits for its confirmation."""
    submit(router, remote=True)


def overdue(router: Router) -> None:
    """Begin with a change that nobody has confirmed in time."""
    submit(router, remote=True)
    router.clock.now += 31


def drafted(router: Router) -> None:
    """Begin with a draft."""
    router.engine.submit(EDITS, DRAFTING)


@dataclass(frozen=True)
class Act:
    """What the power cuts short, after what; ``changes``: whether a boot finds another configuration then."""

    does: Callable[[Router], object]
    after: Callable[[Router], None] = nothing
    changes: bool = True


ACTS = {
    "local": Act(lambda router: submit(router, remote=False)),
    "remote": Act(lambda router: submit(router, remote=True), changes=False),
    "confirm": Act(lambda router: router.engine.confirm(REMOTE), waiting),
    "revert": Act(lambda router: router.engine.revert_if_due(), overdue, changes=False),
    "rollback": Act(lambda router: router.engine.rollback(1, ADMIN)),
    "draft": Act(lambda router: router.engine.commit_draft("ann", ADMIN), drafted),
}


CUTS = (
    ("local", 0.0), ("local", 0.5), ("local", 1.0), ("remote", 1.0), ("confirm", 1.0), ("revert", 1.0),
    ("rollback", 0.5), ("draft", 0.5),
)  # fmt: skip
"""What is cut short, and the share of what was not synced that is then lost."""


@pytest.mark.parametrize(("name", "lost"), CUTS)
def test_after_a_power_cut_a_boot_finds_old_or_new_whole(tmp_path: Path, name: str, lost: float) -> None:
    act = ACTS[name]
    measured = Lost()
    router, old = prepared(tmp_path / "measured", measured)
    act.after(router)
    begun = measured.count
    act.does(router)
    count = measured.count - begun
    new = router.start().texts
    assert count > 3 and (new != old) is act.changes
    outcomes = []
    for at in range(count + 1):
        disk = Lost()
        router, _ = prepared(tmp_path / f"cut-{at}", disk)
        act.after(router)
        disk.at = disk.count + at
        with suppress(PowerCut):
            act.does(router)
        disk.forget(lost)
        router.disk = Disk()
        engine = router.start()
        assert engine.texts in (old, new) and router.matches(), at
        assert not any("not whole" in message for message in router.report.messages), router.report
        assert not any("were moved" in message for message in router.report.messages), router.report
        assert router.working() == engine.texts
        assert engine._parts.audit.verify().broken is None
        outcomes.append(engine.texts == new)
        if at % 8 == 0:
            submit(router, remote=False)
            assert router.start().generation >= 3 and router.matches()
    if act.changes:
        assert outcomes == sorted(outcomes), "once the new one is confirmed it stays"
        assert outcomes[0] is False and outcomes[-1] is True


def test_a_draft_is_the_old_or_the_new_one_after_a_power_cut(tmp_path: Path) -> None:
    def edit(router: Router) -> None:
        router.engine.submit([Replace("zones", ("zones", "lan", "name"), "again")], DRAFTING)

    measured = Lost()
    router, _ = prepared(tmp_path / "measured", measured)
    drafted(router)
    begun = measured.count
    edit(router)
    for at in range(measured.count - begun + 1):
        disk = Lost()
        router, _ = prepared(tmp_path / f"cut-{at}", disk)
        drafted(router)
        before = router.engine.drafts.get("ann")
        disk.at = disk.count + at
        with suppress(PowerCut):
            edit(router)
        disk.forget()
        router.disk = Disk()
        found = router.start().drafts.get("ann")
        assert found is not None and before is not None
        assert found == before or "again" in str(found.texts["zones.yaml"]), at


FULL = ("create", "append", "make_folder")


class Failing(Lost):
    """A disk whose operations return errors: one of them once, or all that need space from one on."""

    def __init__(self, *, full: bool) -> None:
        super().__init__()
        self.full = full
        self.fired = False

    def _step(self, operation: str, path: Path) -> None:
        self.count += 1
        if self.at is None or self.count <= self.at:
            return
        if self.full and operation in FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        if not self.full and not self.fired:
            self.fired = True
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))


@pytest.mark.parametrize("full", [False, True], ids=["one-error", "full-from-here"])
@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_a_disk_that_fails_leaves_kernel_and_disk_agreeing(tmp_path: Path, remote: bool, full: bool) -> None:
    count, new, _ = operations(tmp_path, remote=remote)
    succeeded = []
    for at in range(count + 1):
        disk = Failing(full=full)
        router, old = prepared(tmp_path / f"fail-{at}", disk)
        disk.at = disk.count + at
        try:
            submit(router, remote=remote)
        except StorageError:
            assert router.engine.texts == old
        except PatronusError as error:
            raise AssertionError(f"operation {at}") from error
        else:
            assert router.engine.texts == new
        runs = router.engine.texts
        succeeded.append(runs == new)
        assert router.matches(), at
        router.disk = Disk()
        assert router.start().texts == (old if remote else runs), at
        assert router.matches()
    assert not succeeded[0] and succeeded[-1]


def test_a_first_boot_on_a_full_disk_runs_and_says_so(tmp_path: Path) -> None:
    router = Router(tmp_path)
    router.start()
    for path in (tmp_path / "var/generations").rglob("*"):
        if path.is_file():
            path.unlink()
    disk = Failing(full=True)
    router.disk = disk
    disk.at = 1
    router.start()
    assert router.matches() and router.report.messages
    with pytest.raises(StorageError):
        submit(router, remote=False)
    assert router.matches()
