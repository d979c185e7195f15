# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus audit``: what was done on this router, by whom, and proof that the log is as it was written.

``verify FILE`` needs no daemon and no router: it follows the chain in a copy, on any machine.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from patronus.cli.session import Session, with_session
from patronus.core.chain import MARK, NEWEST, Link, Verdict, closed_names, read_mark, verify
from patronus.core.errors import PatronusError, StorageError

_HEAD = re.compile(r"(\d+):([0-9a-f]{64})")


class Broken(PatronusError):
    """The chain is broken; the message names the records."""

    code = "AuditBroken"

    def __init__(self, report: dict[str, Any]) -> None:
        self.report = report
        super().__init__("\n".join(_fault(item) for item in report["faults"]))

    def parameters(self) -> dict[str, Any]:
        """Return the message and all that was found."""
        return {"message": str(self), **self.report}


class Moment(click.ParamType):
    """A time as a person writes it, in the local time zone: ``2026-05-01`` or ``2026-05-01T08:30``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds since the epoch."""
        try:
            return datetime.fromisoformat(value).astimezone().timestamp()
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is no time; write 2026-05-01 or 2026-05-01T08:30", param, ctx)


@click.group()
def audit() -> None:
    """Read the audit log, and check that nobody has changed it."""


@audit.command()
@click.option("--user", help="Only what this user did.")
@click.option("--verb", help="Only this verb, or all of an interface: config.Submit, config.")
@click.option("--since", type=Moment(), help="Not before, e.g. 2026-05-01T08:30.")
@click.option("--until", type=Moment(), help="Not after.")
@click.option("--before", type=int, help="Only records of a lower number: the next page.")
@click.option("-n", "--count", default=20, show_default=True, help="How many, newest first.")
@with_session
def show(session: Session, /, **wanted: Any) -> None:
    """List what was done, newest first: who, from where, by which key, and what came of it.

    Example: patronus audit show --user ann --verb firewall --since 2026-05-01
    """
    result = session.call("audit.Show", **wanted)
    session.show(result, lambda: _render(session, result))


def _render(session: Session, result: dict[str, Any]) -> None:
    rows = [
        (
            item["number"],
            datetime.fromtimestamp(item["time"]).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            item["actor"],
            item["origin"],
            item["key"],
            item["action"],
            item["outcome"],
            _told(item["details"]),
        )
        for item in result["records"]
    ]
    heads = ("record", "time", "who", "from", "by", "what", "outcome", "details")
    session.table(heads, rows, "There is no such record.")
    if result["before"] is not None:
        session.say(f"There are older ones: --before {result['before']}")


def _told(details: dict[str, Any]) -> list[str]:
    """Return a record's details, a piece each: a value's change as before → after."""
    told = [
        f"{item['path']}: {_short(item.get('before'))} → {_short(item.get('after'))}"
        if "before" in item
        else f"{item['path']} {item.get('said', '')}".rstrip()
        for item in details.get("differences", ())
    ]
    return told + [f"{key}={_short(value)}" for key, value in details.items() if key != "differences"]


def _short(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)


@audit.command()
@with_session
def head(session: Session) -> None:
    """Print where the chain ends; noted elsewhere, it proves later that nothing was cut off."""
    result = session.call("audit.Head")
    session.show(result, lambda: session.say(f"{result['number']}:{result['hash']}"))


@audit.command(name="verify")
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--head", "head_text", help="What `patronus audit head` printed once: NUMBER:HASH.")
@with_session
def verify_command(session: Session, path: Path | None, head_text: str | None) -> None:
    """Follow the audit log's chain and name what is broken; exit code 1 where it is.

    PATH is a copy of the log's folder, or of one file of it, and is checked right here, without a router:
    with the folder, or with audit.log and its older parts beside it, the whole log; with another file that
    file alone. Without PATH the router checks its own log.

    Example: patronus audit verify /srv/copies/patronus-log --head 1204:9f2c…
    """
    mark = _parse_head(head_text)
    if path is None:
        if mark is not None:
            raise click.UsageError("--head goes with a PATH; the router knows its own head")
        report = session.call("audit.Verify")
    else:
        report = _as_data(_verify_copy(path, mark))
    if report["faults"]:
        raise Broken(report)
    text = f"Records {report['first']} to {report['number']} are as they were written ({report['records']})."
    session.show(report, lambda: session.say(text))


def _parse_head(text: str | None) -> Link | None:
    if text is None:
        return None
    match = _HEAD.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter("write NUMBER:HASH, as `patronus audit head` prints it", param_hint="--head")
    return Link(int(match[1]), match[2])


def _verify_copy(path: Path, mark: Link | None) -> Verdict:
    """Follow the chain in a copy. Raises StorageError."""
    folder = path if path.is_dir() else path.parent
    try:
        if path.is_file() and path.name != NEWEST:
            return verify([(path.name, path.read_bytes())], mark, whole=False)
        files = [one for one in _segments(folder) if one.exists()]
        if not files:
            raise StorageError(f"there is no {NEWEST} in {folder}")
        return verify(((one.name, one.read_bytes()) for one in files), mark or _mark(folder))
    except OSError as error:
        raise StorageError(f"{error.filename}: {error.strerror}") from error


def _segments(folder: Path) -> list[Path]:
    """Return the files of a log, oldest first."""
    closed = closed_names(one.name for one in folder.iterdir())
    return [folder / name for name in (*closed.values(), NEWEST)]


def _mark(folder: Path) -> Link | None:
    """Return the log's own note of its end, where the copy holds it."""
    path = folder / MARK
    return read_mark(path.read_bytes()) if path.exists() else None


def _as_data(found: Verdict) -> dict[str, Any]:
    faults = [
        {"file": one.file, "line": one.line, "kind": str(one.kind), "reason": one.reason,
         "declared": one.declared}
        for one in found.faults
    ]  # fmt: skip
    return {
        "records": found.records, "first": found.first, "number": found.head.number, "hash": found.head.hash,
        "faults": faults,
    }  # fmt: skip


def _fault(item: dict[str, Any]) -> str:
    note = " (the log itself names this damage)" if item["declared"] else ""
    return f"{item['file']}:{item['line']}: {item['kind']}: {item['reason']}{note}"


COMMANDS = (audit,)
