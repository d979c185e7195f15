# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit log: the chain over its segments, what breaks it and how that is named, caps, damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from patronus.core.audit import AuditLog
from patronus.core.chain import Kind, Link, verify
from patronus.core.errors import StorageError
from patronus.core.files import Disk
from patronus.core.verb import Caller, Role
from tests.unit.core.router import SetClock
from tests.unit.core.test_power_cut import Lost, PowerCut

LONG = 10_000_000
ANN = Caller("ann", Role.ADMIN, "192.0.2.1", session="0123456789abcdef")
Lines = list[bytes]


def opened(root: Path, *, segment_bytes: int = LONG, kept: int = 3, disk: Disk | None = None) -> AuditLog:
    return AuditLog(root / "audit.log", SetClock(), disk, segment_bytes=segment_bytes, kept=kept)


def filled(root: Path, count: int = 5, *, segment_bytes: int = LONG, kept: int = 3) -> AuditLog:
    log = opened(root, segment_bytes=segment_bytes, kept=kept)
    for number in range(count):
        log.append("config.Submit", ANN, "ok", {"generation": number})
    return log


def test_a_record_says_who_from_where_by_which_key_and_what(tmp_path: Path) -> None:
    log = filled(tmp_path, 1)
    log.append("x.Y", Caller("bob", Role.VIEWER, "local", token="backup"), "Conflict: \udcff" + "x" * 9999)
    first, second = log.records()
    assert {key: first[key] for key in ("number", "action", "actor", "role", "origin", "key", "outcome")} == {
        "number": 1, "action": "config.Submit", "actor": "ann", "role": "admin", "origin": "192.0.2.1",
        "key": "session 0123456789abcdef", "outcome": "ok",
    }  # fmt: skip
    assert second["key"] == "token backup" and len(second["outcome"]) == 2000
    assert log.verify().broken is None and log.head == Link(2, second["hash"])
    assert [one["number"] for one in log.records(newest_first=True)] == [2, 1]


def test_a_whole_chain_verifies_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    filled(tmp_path)
    log = filled(tmp_path)
    verdict = log.verify()
    assert (verdict.records, verdict.first, verdict.head.number, verdict.faults) == (10, 1, 10, [])
    assert log.complaint is None


def rehashed(line: bytes) -> bytes:
    """Return a record changed by somebody who also made its hash anew."""
    from patronus.core.chain import digest

    record = json.loads(line)
    record["actor"] = "nobody"
    return json.dumps({**record, "hash": digest(record)}).encode()


@pytest.mark.parametrize(
    ("tamper", "line", "kind", "says"),
    [
        (lambda x: [x[0], x[1].replace(b'"ann"', b'"eve"'), *x[2:]], 2, Kind.ALTERED, "changed after"),
        (lambda x: [x[0], rehashed(x[1]), *x[2:]], 3, Kind.ALTERED, "the one before it, which was replaced"),
        (lambda x: [x[0], *x[2:]], 2, Kind.REMOVED, "record 2 is missing before record 3"),
        (lambda x: [x[0], *x[3:]], 2, Kind.REMOVED, "records 2 to 3 are missing before record 4"),
        (lambda x: x[2:], 1, Kind.REMOVED, "records 1 to 2 are missing, and no record says"),
        (lambda x: [x[0], x[2], x[1], *x[3:]], 2, Kind.REORDERED, "record 3 stands before record 2"),
        (lambda x: [x[1], x[0], *x[2:]], 2, Kind.REORDERED, "record 1 stands where record 3 belongs"),
        (lambda x: [*x[:3], x[1], *x[3:]], 4, Kind.REORDERED, "record 2 stands where record 4 belongs"),
        (lambda x: [*x[:2], b"garbage", *x[2:]], 4, Kind.UNREADABLE, "before record 3 cannot be read"),
        (lambda x: x[:3], 4, Kind.TRUNCATED, "ends with record 3, and record 5 was written"),
        (lambda x: [*x[:4], rehashed(x[4])], 6, Kind.ALTERED, "record 5 is not the one that was written"),
    ],
)
def test_the_first_broken_record_is_named(
    tmp_path: Path, tamper: Callable[[Lines], Lines], line: int, kind: Kind, says: str
) -> None:
    head = filled(tmp_path).head
    lines = (tmp_path / "audit.log").read_bytes().splitlines()
    whole = b"\n".join([*lines, b""])
    assert verify([("audit.log", whole)], head).faults == []
    fault = verify([("audit.log", b"\n".join([*tamper(lines), b""]))], head).broken
    assert fault is not None and (fault.line, fault.kind) == (line, kind), fault
    assert says in fault.reason


def test_every_byte_counts(tmp_path: Path) -> None:
    """Wherever one byte of a record is changed, the record is no longer believed."""
    head = filled(tmp_path, 2).head
    whole = (tmp_path / "audit.log").read_bytes()
    for place in range(len(whole) - 1):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        same = changed.split(b"\n")[:2] == whole.split(b"\n")[:2]
        assert same or verify([("audit.log", changed)], head).broken is not None, place


def test_a_chopped_last_record_is_named_in_a_copy(tmp_path: Path) -> None:
    filled(tmp_path)
    data = (tmp_path / "audit.log").read_bytes()
    fault = verify([("audit.log", data[:-20])]).broken
    assert fault is not None and (fault.kind, fault.line) == (Kind.TRUNCATED, 5)


@pytest.mark.parametrize("cuts", [1, 2])
def test_what_power_cuts_tore_is_vouched_for_by_the_next_record(tmp_path: Path, cuts: int) -> None:
    path = tmp_path / "audit.log"
    filled(tmp_path)
    for _ in range(cuts):
        (tmp_path / "audit.mark").unlink()
        path.write_bytes(path.read_bytes()[:-20])
        log = filled(tmp_path, 1)
        assert log.complaint is None
    assert log.verify().faults == [] and log.head.number == 5
    spoiled = path.read_bytes().replace(b'"generation": 4', b'"generation": 7', 1)
    assert verify([("audit.log", spoiled)]).broken is not None


def test_the_chain_goes_on_over_segments_and_a_pruned_head_is_declared(tmp_path: Path) -> None:
    log = filled(tmp_path, 60, segment_bytes=2000)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 5 and names[-2:] == ["audit.log", "audit.mark"] and names[0] != "audit-000001.log"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 5 * 2600
    verdict = opened(tmp_path, segment_bytes=2000).verify()
    assert verdict.faults == [] and verdict.first > 10 and verdict.head == log.head
    pruned = [one for one in log.records() if one["action"] == "audit.Pruned"]
    assert pruned and pruned[0]["details"]["segments"]


def test_a_head_that_was_removed_and_not_declared_is_a_fault(tmp_path: Path) -> None:
    filled(tmp_path, 60, segment_bytes=2000)
    min(tmp_path.glob("audit-*.log")).unlink()
    fault = opened(tmp_path, segment_bytes=2000).verify().broken
    assert fault is not None and fault.kind is Kind.REMOVED and "no record says" in fault.reason


def test_a_segment_out_of_the_middle_is_missed_and_one_fault_does_not_hide_another(tmp_path: Path) -> None:
    filled(tmp_path, 24, segment_bytes=2000, kept=9)
    closed = sorted(tmp_path.glob("audit-*.log"))
    closed[0].write_bytes(closed[0].read_bytes().replace(b'"ann"', b'"eve"', 1))
    closed[1].unlink()
    faults = opened(tmp_path, segment_bytes=2000).verify().faults
    assert [(one.file, one.kind) for one in faults] == [
        (closed[0].name, Kind.ALTERED), (closed[2].name, Kind.REMOVED),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"ann"', b'"eve"', 1)), "line 1: altered"),
        (
            lambda path: path.write_bytes(b"".join(path.read_bytes().splitlines(True)[:2])),
            "ends with record 2",
        ),
        (lambda path: path.write_bytes(b"\0" * 300), "ends with record 0"),
        (lambda path: path.unlink(), "ends with record 0"),
    ],
)
def test_a_damaged_log_is_kept_aside_loudly_and_the_next_names_it(
    tmp_path: Path, damage: Callable[[Path], None], says: str
) -> None:
    filled(tmp_path)
    damage(tmp_path / "audit.log")
    left = (tmp_path / "audit.log").read_bytes() if (tmp_path / "audit.log").exists() else None
    log = opened(tmp_path)
    assert log.complaint is not None and says in log.complaint
    log.append("engine.Boot", ANN, "ok")
    first = json.loads((tmp_path / "audit.log").read_bytes().splitlines()[0])
    assert first["action"] == "audit.Damaged" and says in first["details"]["reason"] and first["number"] == 6
    if left is not None:
        assert (tmp_path / first["details"]["file"]).read_bytes() == left
    again = opened(tmp_path)
    assert again.complaint is None, "it is told once"
    faults = again.verify().faults
    assert faults and all(one.declared for one in faults), "and never forgotten"
    assert again.head.number == 7


def test_a_cut_between_setting_aside_and_saying_so_is_said_at_the_next_start(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "audit.log").write_bytes(b"x\n" * 9)
    (tmp_path / "audit.log").rename(tmp_path / "audit-000001.damaged.log")
    log = opened(tmp_path)
    assert log.complaint is not None
    log.append("engine.Boot", ANN, "ok")
    assert opened(tmp_path).complaint is None


class Full(Disk):
    """A disk that takes half of a record, and then all again."""

    full = False

    def append(self, path: Path, data: bytes, mode: int = 0o640) -> None:
        if self.full:
            super().append(path, data[: len(data) // 2], mode)
            raise OSError(28, "No space left on device")
        super().append(path, data, mode)


@pytest.mark.parametrize("segment_bytes", [LONG, 300])
def test_a_full_disk_refuses_the_record_and_the_chain_goes_on(tmp_path: Path, segment_bytes: int) -> None:
    disk = Full()
    log = opened(tmp_path, disk=disk, segment_bytes=segment_bytes, kept=9)
    log.append("a.B", ANN, "ok")
    disk.full = True
    for _ in range(2):
        with pytest.raises(StorageError):
            log.append("a.B", ANN, "ok")
    disk.full = False
    log.append("a.B", ANN, "ok")
    assert log.verify().faults == [] and log.head.number == 2
    assert opened(tmp_path).verify().faults == []


def test_what_is_written_is_told_on(tmp_path: Path) -> None:
    told: list[object] = []
    log = AuditLog(tmp_path / "audit.log", SetClock(), echo=told.append)
    log.append("a.B", ANN, "ok")
    assert told == list(log.records())


def test_a_copy_of_one_segment_is_followed_alone(tmp_path: Path) -> None:
    filled(tmp_path, 24, segment_bytes=2000, kept=9)
    second = tmp_path / "audit-000002.log"
    data = second.read_bytes()
    assert verify([(second.name, data)], whole=False).faults == []
    assert verify([(second.name, data)]).broken is not None
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("forgets", [False, True], ids=["all-written", "unsynced-lost"])
def test_a_power_cut_while_segments_turn_leaves_a_whole_chain(tmp_path: Path, forgets: bool) -> None:
    """At each operation of closing a segment, declaring the oldest and removing it, the cut does no harm."""
    outcomes = set()
    for at in range(40):
        root = tmp_path / str(at)
        root.mkdir()
        disk = Lost()
        log = opened(root, segment_bytes=900, kept=1, disk=disk)
        for _ in range(8):
            log.append("a.B", ANN, "ok")
        disk.at = disk.count + at
        written = log.head.number
        with suppress(PowerCut):
            for _ in range(6):
                log.append("a.B", ANN, "ok")
                written = log.head.number
        if forgets:
            disk.forget()
        again = opened(root, segment_bytes=900, kept=1)
        assert again.complaint is None, (at, again.complaint)
        assert again.head.number >= written, "what append returned from is there"
        again.append("a.B", ANN, "ok")
        assert again.verify().faults == [], at
        outcomes.add(again.head.number)
    assert len(outcomes) > 5
