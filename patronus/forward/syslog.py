# SPDX-License-Identifier: GPL-2.0-or-later
"""A journal entry as a syslog message, and its frame. Pure.

Source: RFC 5424 section 6 (the message), RFC 5425 section 4.3 (octet counting over TLS).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LONGEST_TEXT = 8192
"""Bytes of a message's text; RFC 5425 section 4.3.1 wants receivers to take 8192 bytes in all."""
FACILITY_USER, FACILITY_DAEMON = 1, 3
SEVERITY_INFO = 6
SD_ID = "patronus@32473"
"""Name of our structured data; 32473 is the number for documentation (RFC 5612)."""
AUDIT_FIELDS = ("number", "hash", "action", "actor", "role", "origin", "key", "outcome")
"""Of each, the journal field is ``PATRONUS_`` and its name in capitals."""
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

Entry = Mapping[str, Any]


def message(entry: Entry, hostname: str, trusted_uid: str | None) -> bytes:
    """Return an entry as RFC 5424 writes it.

    Its audit fields become structured data where the user ``trusted_uid`` wrote it: others can set them too.
    """
    facility = _number(entry, "SYSLOG_FACILITY", FACILITY_DAEMON, 23)
    severity = _number(entry, "PRIORITY", SEVERITY_INFO, 7)
    moment = datetime.fromtimestamp(_number(entry, "__REALTIME_TIMESTAMP", 0, 1 << 53) / 1e6, UTC)
    app = _name(text(entry, "SYSLOG_IDENTIFIER") or text(entry, "_COMM"), 48)
    process = _name(text(entry, "SYSLOG_PID") or text(entry, "_PID"), 128)
    head = (
        f"<{facility * 8 + severity}>1 {moment:%Y-%m-%dT%H:%M:%S.%fZ} {_name(hostname, 255)} {app} {process}"
    )
    data, identity = "-", "-"
    if trusted_uid is not None and text(entry, "_UID") == trusted_uid and text(entry, "PATRONUS_HASH"):
        data, identity = _structured(entry), "AUDIT"
    body = _clean(text(entry, "MESSAGE")).encode()[:LONGEST_TEXT].decode(errors="ignore")
    return f"{head} {identity} {data} {body}".encode()


def frame(data: bytes) -> bytes:
    """Return a message with its length before it: ``MSG-LEN SP SYSLOG-MSG``."""
    return b"%d %s" % (len(data), data)


def text(entry: Entry, name: str) -> str:
    """Return a field as text; journalctl writes bytes as numbers, several values as a list, large as null."""
    value = entry.get(name)
    if isinstance(value, list) and value and all(isinstance(one, int) for one in value):
        return bytes(one & 255 for one in value).decode(errors="replace")
    if isinstance(value, list):
        return text({name: value[0]}, name) if value else ""
    if value is None:
        return "" if name not in entry else "(a text of more than 4096 bytes; see the journal)"
    return str(value)


def _structured(entry: Entry) -> str:
    pairs = [(name, text(entry, f"PATRONUS_{name.upper()}")) for name in AUDIT_FIELDS]
    return " ".join([f"[{SD_ID}", *(f'{name}="{_escaped(value)}"' for name, value in pairs if value)]) + "]"


def _escaped(value: str) -> str:
    """Return a parameter's value (RFC 5424 section 6.3.3)."""
    return re.sub(r'(["\\\]])', r"\\\1", _clean(value)[:1024])


def _clean(value: str) -> str:
    """Return text on one line: what reads like another message in a receiver's file must not come about."""
    return _UNPRINTABLE.sub(" ", value).encode(errors="replace").decode()


def _name(value: str, longest: int) -> str:
    """Return a header's field: printable ASCII without blanks, ``-`` for nothing."""
    return re.sub(r"[^\x21-\x7e]", "_", value)[:longest] or "-"


def _number(entry: Entry, name: str, default: int, most: int) -> int:
    value = text(entry, name)
    return int(value) if value.isascii() and value.isdigit() and int(value) <= most else default
