# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on the audit log: read it, follow its chain, and tell where the chain ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from patronus.core.audit import AuditLog
from patronus.core.verb import Caller, Nothing, Parameters, Result, Role, Verb

PAGE = 50


class Wanted(Parameters):
    """Which records to return; without a filter the newest."""

    user: str | None = Field(default=None, max_length=128, description="only what this user did")
    verb: str | None = Field(
        default=None,
        max_length=128,
        description="only this verb, `config.Submit`, or all of an interface, `config`",
    )
    since: float | None = Field(default=None, description="not before, seconds since the epoch")
    until: float | None = Field(default=None, description="not after, seconds since the epoch")
    before: int | None = Field(
        default=None, ge=1, description="only records of a lower number: the next page"
    )
    count: int = Field(default=PAGE, ge=1, le=500, description="how many at most")

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record is wanted."""
        action, time = str(record.get("action")), record.get("time")
        when = time if isinstance(time, int | float) else 0.0
        return (
            (self.user is None or record.get("actor") == self.user)
            and (self.verb is None or action == self.verb or action.startswith(f"{self.verb}."))
            and (self.since is None or when >= self.since)
            and (self.until is None or when <= self.until)
            and (self.before is None or int(record.get("number") or 0) < self.before)
        )


class Entry(Result):
    """One record: who did what, from where, by which key, and what came of it."""

    number: int = Field(description="counts from 1; 0 in records of the first version")
    time: float = Field(description="seconds since the epoch")
    action: str = Field(description="the verb, or what the engine did")
    actor: str
    role: str | None = None
    origin: str = Field(description="address of the caller, `local` on the router itself")
    key: str | None = Field(default=None, description="the session or token that opened the door")
    outcome: str
    details: dict[str, Any] = Field(default={}, description="parameters, before and after; no secrets")
    hash: str


class Page(Result):
    """Records, newest first; ``before`` gives the next page, null where there is none."""

    records: list[Entry]
    before: int | None = None


class FaultInfo(Result):
    """A broken record."""

    file: str
    line: int = Field(description="counts from 1")
    kind: str = Field(description="altered, removed, reordered, truncated or unreadable")
    reason: str
    declared: bool = Field(description="whether the log itself names the damage, found when it happened")


class ChainReport(Result):
    """What following the chain found; no fault: all records are as they were written."""

    records: int
    first: int = Field(description="number of the first record that is kept")
    number: int = Field(description="number of the last record")
    hash: str = Field(description="hash of the last record")
    faults: list[FaultInfo]


class Head(Result):
    """Where the chain ends: who remembers it can prove that nothing was cut off."""

    number: int
    hash: str


class AuditVerbs:
    """The verbs, over the daemon's log."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs."""
        return [
            Verb("audit.Show", Wanted, Page, self.show, Role.ADMIN, "GET /audit"),
            Verb("audit.Verify", Nothing, ChainReport, self.verify, Role.ADMIN, "GET /audit/verify"),
            Verb("audit.Head", Nothing, Head, self.head, route="GET /audit/head"),
        ]

    def show(self, caller: Caller, given: Wanted) -> Page:  # noqa: ARG002
        """List what was done on this router, newest first: who, from where, what, with what outcome."""
        found: list[Entry] = []
        for record in self._audit.records(newest_first=True):
            if given.matches(record):
                if len(found) == given.count:
                    return Page(records=found, before=found[-1].number or None)
                found.append(_entry(record))
        return Page(records=found)

    def verify(self, caller: Caller, given: Nothing) -> ChainReport:  # noqa: ARG002
        """Follow the audit log's chain from its first record to its last, and name what is broken."""
        found = self._audit.verify()
        return ChainReport(
            records=found.records,
            first=found.first,
            number=found.head.number,
            hash=found.head.hash,
            faults=[
                FaultInfo(file=f.file, line=f.line, kind=f.kind, reason=f.reason, declared=f.declared)
                for f in found.faults
            ],
        )

    def head(self, caller: Caller, given: Nothing) -> Head:  # noqa: ARG002
        """Return the number and the hash of the last audit record."""
        return Head(number=self._audit.head.number, hash=self._audit.head.hash)


def _entry(record: Mapping[str, Any]) -> Entry:
    details = record.get("details")
    return Entry(
        number=int(record.get("number") or 0),
        time=float(record.get("time") or 0.0),
        action=str(record.get("action")),
        actor=str(record.get("actor")),
        role=record.get("role"),
        origin=str(record.get("origin")),
        key=record.get("key"),
        outcome=str(record.get("outcome")),
        details=details if isinstance(details, dict) else {},
        hash=str(record["hash"]),
    )
