# SPDX-License-Identifier: GPL-2.0-or-later
"""Audit records in the journal: a line for people, its fields for machines, for a syslog server to keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patronus.kernel.journal import Journal

LONGEST = 1024
FACILITY_AUDIT, NOTICE = "13", "5"
"""RFC 5424 section 6.2.1: log audit, normal but significant."""
FIELDS = ("number", "hash", "action", "actor", "role", "origin", "key", "outcome")


def as_entry(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the journal's fields of a record; the details stay in the audit log."""
    key = f", {record['key']}" if record.get("key") else ""
    who = f"{record['actor']} ({record.get('role')}) from {record['origin']}{key}"
    text = f"audit {record['number']}: {record['action']} by {who}: {record['outcome']}"
    return {
        "MESSAGE": " ".join(text.split())[:LONGEST],
        "PRIORITY": NOTICE,
        "SYSLOG_FACILITY": FACILITY_AUDIT,
        "SYSLOG_IDENTIFIER": "patronus-audit",
        **{f"PATRONUS_{name.upper()}": str(record[name])[:LONGEST] for name in FIELDS if record.get(name)},
    }


class Echo:
    """Tells the journal each record."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Send a record on its way."""
        self._journal.send(as_entry(record))
