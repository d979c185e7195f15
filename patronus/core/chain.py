# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit log's hash chain: how a record is bound to the one before it, and where a chain breaks. Pure.

The log is a sequence of segments, oldest first; the chain goes on from one to the next. A record that a
power cut tore stays in its file, and the next one vouches for its bytes. The chain alone cannot show that
the end was cut off: the mark, the last record's number and hash kept elsewhere, does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

START = "0" * 64
"""The hash before the first record."""
DAMAGED = "audit.Damaged"
"""Action of the record that follows on a damaged part: it names what was set aside."""
PRUNED = "audit.Pruned"
"""Action of the record that says which old segments were removed: the last one's ``number`` and ``hash``."""


NEWEST = "audit.log"
"""File of the segment that takes the records."""
MARK = "audit.mark"
"""File of the mark."""
_CLOSED = re.compile(r"audit-(\d{6,})(?:\.damaged)?\.log")


@dataclass(frozen=True)
class Link:
    """A place in the chain: after the record of this number and hash."""

    number: int = 0
    hash: str = START


def closed_names(names: Iterable[str]) -> dict[int, str]:
    """Return number → name of the closed segments among a folder's files, oldest first."""
    return dict(sorted((int(match[1]), name) for name in names if (match := _CLOSED.fullmatch(name))))


def read_mark(data: bytes) -> Link | None:
    """Return the mark; None where a power cut left none."""
    try:
        found = json.loads(data)
        return Link(int(found["number"]), str(found["hash"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


class Kind(StrEnum):
    """What is wrong with a record."""

    ALTERED = "altered"
    REMOVED = "removed"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Fault:
    """The first broken record of a segment; ``line`` counts from 1.

    ``declared``: a later record of the log itself names the damage, which was found when it happened.
    """

    file: str
    line: int
    kind: Kind
    reason: str
    declared: bool = False


@dataclass
class Verdict:
    """What following the chain found; ``head`` is where it ends, ``first`` the first record's number."""

    records: int = 0
    first: int = 1
    head: Link = field(default_factory=Link)
    faults: list[Fault] = field(default_factory=list)

    @property
    def broken(self) -> Fault | None:
        """The first fault, None where all is whole."""
        return self.faults[0] if self.faults else None


def digest(record: dict[str, Any]) -> str:
    """Return the hash of a record without its own ``hash``."""
    body = {key: value for key, value in record.items() if key != "hash"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_record(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line, None where it is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("hash"), str) else None


def link_of(record: dict[str, Any], expected: int) -> Link:
    """Return the place after a record; one of an old version has no number, and counts as the expected."""
    number = record.get("number", expected)
    return Link(number if isinstance(number, int) else expected, str(record["hash"]))


def torn_hash(torn: bytes) -> str | None:
    """Return what the record after torn bytes says of them."""
    return hashlib.sha256(torn).hexdigest() if torn else None


Notice = Callable[[int, dict[str, Any]], None]


@dataclass(frozen=True)
class Part:
    """One segment followed: its end as its last readable record has it, what is torn after it, the fault."""

    end: Link
    records: int
    torn: bytes = b""
    fault: Fault | None = None


def follow(name: str, data: bytes, after: Link, notice: Notice = lambda _line, _record: None) -> Part:
    """Follow the chain through a segment that comes after a place; ``name`` is its file's.

    ``notice`` is told each readable record and its line.
    """
    lines = data.split(b"\n")
    place, good, fault, torn = after, 0, None, b""
    for number, line in enumerate(lines, 1):
        record = read_record(line) if number < len(lines) else None
        if record is None:
            torn = torn + b"\n" + line if torn and line else torn or line
            continue
        fault = fault or _fault(name, number, record, place, torn, lines)
        place, torn = link_of(record, place.number + 1), b""
        good += fault is None
        notice(number, record)
    return Part(place, good, torn, fault)


def _fault(
    name: str, line: int, record: dict[str, Any], place: Link, torn: bytes, lines: Sequence[bytes]
) -> Fault | None:
    expected = place.number + 1
    if record["hash"] != digest(record):
        return Fault(name, line, Kind.ALTERED, "the record was changed after it was written")
    number = link_of(record, expected).number
    if record.get("action") == DAMAGED and number >= expected:
        return None
    if number != expected:
        return _misplaced(name, line, number, expected, lines)
    if record.get("torn") != torn_hash(torn):
        return Fault(name, line, Kind.UNREADABLE, f"what stands before record {number} cannot be read")
    if record.get("previous") != place.hash:
        reason = f"record {number} does not follow on the one before it, which was replaced"
        return Fault(name, line, Kind.ALTERED, reason)
    return None


def _misplaced(name: str, line: int, number: int, expected: int, lines: Sequence[bytes]) -> Fault:
    if number < expected:
        return Fault(name, line, Kind.REORDERED, f"record {number} stands where record {expected} belongs")
    later = (read_record(one) for one in lines[line:])
    if any(one is not None and one.get("number") == expected for one in later):
        return Fault(name, line, Kind.REORDERED, f"record {number} stands before record {expected}")
    missing = f"record {expected} is" if number == expected + 1 else f"records {expected} to {number - 1} are"
    return Fault(name, line, Kind.REMOVED, f"{missing} missing before record {number}")


def verify(segments: Iterable[tuple[str, bytes]], mark: Link | None = None, *, whole: bool = True) -> Verdict:
    """Follow the chain through all segments, oldest first.

    ``mark``: a place that is known to have been written. ``whole``: the segments should begin with the first
    record, or after one that a ``PRUNED`` record names; otherwise they may begin anywhere.
    """
    walk = _Walk(mark)
    for name, data in segments:
        walk.take(name, data)
    return walk.end(whole=whole)


class _Walk:
    """The state of following a chain over segments."""

    def __init__(self, mark: Link | None) -> None:
        self._mark = mark
        self._found = Verdict()
        self._place: Link | None = None
        self._begin = Link()
        self._pruned: set[str] = {START}
        self._at_mark: str | None = None
        self._last = ("audit.log", 1, b"")

    def take(self, name: str, data: bytes) -> None:
        if self._place is None:
            self._place = self._begin = _beginning(data)
            self._found.first = self._begin.number + 1
        part = follow(name, data, self._place, lambda line, record: self._notice(name, line, record))
        self._found.records += part.records
        if part.fault:
            self._found.faults.append(part.fault)
        self._place = part.end
        self._last = (name, data.count(b"\n") + 1, part.torn)

    def _notice(self, name: str, line: int, record: dict[str, Any]) -> None:
        """Take up what a record says of others."""
        raw = record.get("details")
        details = raw if isinstance(raw, dict) else {}
        if record.get("action") == PRUNED:
            self._pruned.add(str(details.get("hash")))
        if record.get("action") == DAMAGED:
            file = str(details.get("file") or name)
            known = [one.file for one in self._found.faults]
            if file in known:
                place = known.index(file)
                self._found.faults[place] = replace(self._found.faults[place], declared=True)
            else:
                reason = str(details.get("reason"))
                self._found.faults.append(Fault(name, line, Kind.REMOVED, reason, declared=True))
        if self._mark is not None and record.get("number") == self._mark.number:
            self._at_mark = str(record["hash"])

    def end(self, *, whole: bool) -> Verdict:
        found = self._found
        found.head = self._place or Link()
        name, line, torn = self._last
        shuffled = found.broken is not None and found.broken.kind is Kind.REORDERED
        if whole and self._begin.hash not in self._pruned and not shuffled:
            reason = (
                f"records 1 to {self._begin.number} are missing, and no record says that they were pruned"
            )
            found.faults.insert(0, Fault(name, 1, Kind.REMOVED, reason))
        if torn:
            found.faults.append(Fault(name, line, Kind.TRUNCATED, "the last record is not whole"))
        elif self._mark is not None:
            found.faults += _past_mark(self._mark, found.head, self._at_mark, name, line)
        return found


def _past_mark(mark: Link, head: Link, at_mark: str | None, name: str, line: int) -> list[Fault]:
    if head.number < mark.number:
        reason = f"the log ends with record {head.number}, and record {mark.number} was written"
        return [Fault(name, line, Kind.TRUNCATED, reason)]
    if at_mark is not None and at_mark != mark.hash:
        reason = f"record {mark.number} is not the one that was written"
        return [Fault(name, line, Kind.ALTERED, reason)]
    return []


def _beginning(data: bytes) -> Link:
    """Return the place that the first readable record claims to follow on."""
    record = next((one for line in data.split(b"\n") if (one := read_record(line))), None)
    if record is None:
        return Link()
    return Link(link_of(record, 1).number - 1, str(record.get("previous", START)))
