# SPDX-License-Identifier: GPL-2.0-or-later
"""An update that is cut short anywhere leaves what runs as it was, and the next one succeeds.

The program that downloads is the one that ships, with its places in folders of ours, killed while a server
holds what it sends. PATRONUS_CUT_POINTS cuts so often; a soak does it at some hundred points.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from patronus.core.errors import PatronusError
from patronus.update import fetch
from patronus.update.task import Places, Report, Task, read
from tests.netns.update.conftest import downloaded, hand_out
from tests.netns.update.disk import MIB, Machine
from tests.netns.update.owner import ROOT, UKI, VERITY, Owner, content, release
from tests.netns.update.server import Gate, served

POINTS = int(os.environ.get("PATRONUS_CUT_POINTS", "2"))
SEED = int(os.environ.get("PATRONUS_SEED", "20261127"))
LIMIT_S = 120.0
LARGE = random.Random(SEED).randbytes(3 * MIB)
"""A root that comes in more than one piece, and that nothing makes smaller."""


def points(total: int) -> Sequence[int]:
    """Return numbers of bytes after which something is cut."""
    return sorted(random.Random(SEED).sample(range(1, total), POINTS))


@pytest.fixture
def program(places: Places, owner: Owner, tmp_path: Path) -> list[str]:
    """The command that downloads, as its unit starts it: where it reads and writes lies in our folders."""
    keys = tmp_path / "keys"
    keys.mkdir()
    shutil.copyfile(owner.keyring, keys / "import-pubring.gpg")
    binds = {
        "/run/patronus-update": places.task.parent,
        "/run/patronus-update-fetch": places.fetch.parent,
        "/run/patronus-update-install": places.install.parent,
        "/var/lib/patronus-update": places.state,
    }
    steps = [
        "mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib",
        f"mkdir {' '.join(binds)}",
        *(f"mount --bind {ours} {place}" for place, ours in binds.items()),
        f"mount --bind {keys} /usr/lib/systemd",
        f"exec {sys.executable} -m patronus.update fetch",
    ]
    return ["unshare", "--mount", "bash", "-c", " && ".join(steps)]


@contextmanager
def started(program: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the program; it has ended afterwards."""
    with subprocess.Popen(program, stderr=subprocess.DEVNULL) as running:
        try:
            yield running
        finally:
            running.kill()


def as_it_was(machine: Machine) -> bool:
    """Return whether the running slot and its boot entry are."""
    slot = [(machine.root / "dev" / name).read_bytes() for name in ("vda2", "vda3")]
    return slot == [b"as it was"] * 2 and "patronus_0.1.0.efi" in machine.entries()


def is_new(machine: Machine, root: bytes) -> bool:
    """Return whether the other slot holds the new version, whole, and is started next."""
    there = [(machine.root / "dev" / name).read_bytes() for name in ("vda4", "vda5")]
    return there == [content(VERITY, "0.2.0"), root] and "patronus_0.2.0+3-0.efi" in machine.entries()


def test_a_download_that_is_killed_at_any_byte_changes_nothing_and_the_next_one_succeeds(
    machine: Machine, owner: Owner, program: list[str], tmp_path: Path
) -> None:
    source = release(tmp_path / "source", owner, "0.2.0", large=LARGE)
    with served(source, tmp_path) as (url, ca, handler):
        for number, passes in enumerate(points(sum(path.stat().st_size for path in source.iterdir()))):
            shutil.rmtree(machine.places.release, ignore_errors=True)
            handler.gate = gate = Gate(passes)
            task = hand_out(machine.places, url, machine.look(), ca=ca, number=2 * number + 1)
            with started(program) as running:
                assert gate.reached.wait(LIMIT_S), passes
                running.kill()
                running.wait(LIMIT_S)
            gate.opened.set()
            with pytest.raises(PatronusError):
                machine.installer(task).install()
            assert as_it_was(machine) and machine.entries() == ["patronus_0.1.0.efi"], passes
            handler.gate = None
            task = hand_out(machine.places, url, machine.look(), ca=ca, number=2 * number + 2)
            with started(program) as running:
                assert running.wait(LIMIT_S) == 0, passes
            report = read(Report, machine.places.fetch)
            assert (report and report.step, report and report.number) == ("downloaded", task.number)
    assert machine.installer(task).install() == "0.2.0"
    assert as_it_was(machine) and is_new(machine, LARGE)


def killed(machine: Machine, task: Task, passes: int) -> None:
    """Install until the power is cut, in a process of its own."""
    child = os.fork()
    if child == 0:
        try:
            machine.installer(task, f"cut:{passes}").install()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it ended by itself"


def test_an_installation_that_is_killed_at_any_byte_is_not_started_and_the_next_one_succeeds(
    machine: Machine, owner: Owner
) -> None:
    root = content(ROOT, "0.2.0")
    total = len(root) + len(content(VERITY, "0.2.0")) + len(content(UKI, "0.2.0"))
    task = downloaded(machine, owner)
    for passes in (*points(total), total):
        killed(machine, task, passes)
        assert as_it_was(machine) and machine.entries()[-1] == "patronus_0.1.0.efi", passes
        assert machine.installer(task).install() == "0.2.0"
        assert as_it_was(machine) and is_new(machine, root)


def damage(source: Path, how: str) -> None:
    """Make a release none: another byte at the end of a file, or none there."""
    path = source / ("SHA256SUMS.gpg" if how == "signature" else "patronus_0.2.0.efi")
    path.write_bytes(path.read_bytes()[:-1] + (b"" if how == "short" else b"?"))


@pytest.mark.parametrize("how", ["signature", "changed", "short"])
def test_after_a_release_that_was_refused_the_next_one_is_taken(
    machine: Machine, owner: Owner, tmp_path: Path, how: str
) -> None:
    source = release(tmp_path / "source", owner, "0.2.0")
    damage(source, how)
    hand_out(machine.places, source.as_uri(), machine.look(), number=1)
    assert fetch.run(machine.places).state == "failed"
    assert machine.installer(downloaded(machine, owner)).install() == "0.2.0"


@pytest.mark.parametrize("fault", ["refuses", "packed", "entry"])
def test_after_an_installation_that_failed_the_next_one_succeeds(
    machine: Machine, owner: Owner, fault: str
) -> None:
    task = downloaded(machine, owner)
    with pytest.raises(PatronusError):
        machine.installer(task, fault).install()
    assert machine.installer(task).install() == "0.2.0"
    assert as_it_was(machine) and is_new(machine, content(ROOT, "0.2.0"))


@pytest.fixture
def small(machine: Machine) -> Iterator[Machine]:
    """The machine with a boot partition of 8 MiB and a data partition of 66 MiB, each a file system."""
    places = (machine.root / "esp", 8), (machine.places.state, 66)
    for place, size in places:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}M", "tmpfs", place], check=True)
    try:
        (machine.root / "esp/EFI/Linux").mkdir(parents=True)
        machine.put("patronus_0.1.0.efi")
        yield machine
    finally:
        for place, _ in places:
            subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize(
    ("full", "said"),
    [
        ("esp", "update esp: the boot partition has room for 2 MiB, 4 MiB are needed; files there that are"),
        ("state", "the data partition has 61 MiB free, 64 MiB are needed"),
    ],
)
def test_where_a_partition_is_full_nothing_is_written_and_with_room_the_update_succeeds(
    small: Machine, owner: Owner, full: str, said: str
) -> None:
    fills = small.root / full / "fills"
    fills.write_bytes(bytes((5 if full == "esp" else 4) * MIB))
    source = release(small.root / "source", owner, "0.2.0")
    hand_out(small.places, source.as_uri(), small.look())
    assert said in str(fetch.run(small.places).error)
    assert [path.name for path in small.places.release.iterdir()] == ["patronus_0.2.0.release.json"]
    fills.unlink()
    task = downloaded(small, owner)
    if full == "esp":
        fills.write_bytes(bytes(5 * MIB))  # between download and installation
        with pytest.raises(PatronusError, match="the boot partition has room for 2 MiB"):
            small.installer(task).install()
        assert (small.root / "dev/vda5").read_bytes() == b"as it was"
        fills.unlink()
    assert small.installer(task).install() == "0.2.0"
    assert as_it_was(small)
