# SPDX-License-Identifier: GPL-2.0-or-later
"""The history as git sees it: cloned with git itself, the same after a loss, and without secrets."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from patronus.core.edit import Insert, Replace
from patronus.core.errors import StorageError
from patronus.daemon.git_history import Export, GitHistory
from tests.unit.core.router import ADMIN, REMOTE, Router

pytest.importorskip("dulwich")
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")


@pytest.fixture
def router(tmp_path: Path) -> Router:
    router = Router(tmp_path / "router")
    engine = router.start()
    rule = {"zone": "lan", "id": "a", "name": "first"}
    engine.submit([Insert("firewall/rules", ("rules",), rule)], ADMIN, comment="a rule")
    engine.submit([Replace("firewall/rules", ("rules", "a", "name"), "odd one")], REMOTE, confirm_s=30)
    router.clock.now += 31
    engine.revert_if_due()
    engine.submit([Replace("zones", ("zones", "lan", "name"), "home")], ADMIN)
    return router


def history(router: Router) -> GitHistory:
    return GitHistory(router.root / "var/history.git", router.engine._parts.generations)


def cloned(export: Export, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".bundle").write_bytes(export.bundle)
    git(folder.parent, "clone", "-q", str(folder.with_suffix(".bundle")), str(folder))
    git(folder, "fsck", "--strict")
    return folder


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_git_clones_what_runs_with_who_made_it_and_why(router: Router, tmp_path: Path) -> None:
    export = history(router).export(router.engine.generation)
    assert (export.generations, export.left_out) == ((1, 2, 3, 4), ())
    clone = cloned(export, tmp_path / "clone")
    found = {
        str(path.relative_to(clone)): path.read_text()
        for path in clone.rglob("*") if path.is_file() and ".git" not in path.parts
    }  # fmt: skip
    assert found == router.engine.texts
    lines = git(clone, "log", "--format=%an|%s|%at").splitlines()
    assert lines[1:] == ["ann|a rule|1700000100", "patronus|first boot|1700000100"]
    assert lines[0].startswith("ann|generation 4|")
    assert "odd one" in git(clone, "show", "g3:firewall/rules.yaml"), "what was reverted is there as well"
    assert git(clone, "rev-parse", "g3^").strip() == git(clone, "rev-parse", "g2").strip()
    assert "+    name: home" in git(clone, "diff", "g2", "g4")


def test_an_export_grows_and_is_rebuilt_alike_where_it_was_lost_or_damaged(
    router: Router, tmp_path: Path
) -> None:
    first = history(router).export(router.engine.generation)
    router.engine.submit([Replace("zones", ("zones", "lan", "name"), "house")], ADMIN)
    grown = history(router).export(router.engine.generation)
    assert grown.generations == (*first.generations, 5) and grown.head != first.head
    shutil.rmtree(router.root / "var/history.git")
    assert history(router).export(5).head == grown.head
    (router.root / "var/history.git/HEAD").unlink()
    assert history(router).export(5).head == grown.head
    for path in (router.root / "var/history.git/objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"")
    assert cloned(history(router).export(5), tmp_path / "clone").joinpath("zones.yaml").exists()


def test_what_is_not_whole_is_left_out_and_named(router: Router) -> None:
    (router.root / "var/generations/2/manifest.json").write_bytes(b"\0")
    export = history(router).export(4)
    assert (export.generations, export.left_out) == ((1, 3, 4), (2,))


def test_secrets_beside_the_files_are_never_in_it(router: Router) -> None:
    folder = router.root / "etc/secrets.d"
    folder.mkdir()
    (folder / "vpn.enc").write_text("sealed words")
    router.engine.load_working_copy(ADMIN)
    router.engine.submit([Replace("zones", ("zones", "lan", "name"), "house")], ADMIN)
    smuggled = router.root / "var/generations/5/files/secrets.d"
    smuggled.mkdir()
    (smuggled / "vpn.enc").write_text("sealed words")
    clone = cloned(history(router).export(5), router.root / "clone")
    assert "sealed words" not in git(clone, "log", "--all", "-p")
    assert not (clone / "secrets.d").exists() and (clone / "zones.yaml").exists()


def test_what_runs_and_is_not_whole_is_said(router: Router) -> None:
    with pytest.raises(StorageError, match="generation 99 is not whole"):
        history(router).export(99)
