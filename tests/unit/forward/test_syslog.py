# SPDX-License-Identifier: GPL-2.0-or-later
"""A journal entry as RFC 5424 writes it, whatever stands in it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from patronus.daemon.remote_log import LoggingSettings, Target, target_of
from patronus.forward.syslog import frame, message

ENTRY = {
    "MESSAGE": "hello", "PRIORITY": "4", "SYSLOG_FACILITY": "13", "SYSLOG_IDENTIFIER": "patronusd",
    "_PID": "7", "__REALTIME_TIMESTAMP": "1700000000123456",
}  # fmt: skip
HEADER = re.compile(
    r"<\d{1,3}>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [!-~]{1,255} [!-~]{1,48} [!-~]{1,128} (-|AUDIT) "
    r'(-|\[patronus@32473( [a-z]+="([^"\\\]\n]|\\["\\\]])*")*\]) [^\n\r\x00]*',
    re.S,
)


def test_an_entry_is_written_by_the_book() -> None:
    written = message(ENTRY, "router", None)
    assert written == b"<108>1 2023-11-14T22:13:20.123456Z router patronusd 7 - - hello"
    assert frame(written) == b"63 " + written


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"MESSAGE": [104, 105, 255]}, "hi\ufffd"),
        ({"MESSAGE": ["one", "two"]}, "one"),
        ({"MESSAGE": None}, "more than 4096 bytes"),
        ({"MESSAGE": "a\nb\x00c"}, "a b c"),
        ({"MESSAGE": "\ud800"}, "?"),
        ({"PRIORITY": "99", "SYSLOG_FACILITY": "x"}, "<30>1 "),
        ({"SYSLOG_IDENTIFIER": "a b]\n"}, " a_b]_ "),
        ({"__REALTIME_TIMESTAMP": "99999999999999999999"}, "1970-01-01T"),
    ],
)
def test_odd_values_do_no_harm(change: dict[str, Any], says: str) -> None:
    assert says in message({**ENTRY, **change}, "router", None).decode()


values = st.one_of(st.none(), st.text(), st.integers(), st.lists(st.integers(0, 255)), st.lists(st.text()))


@given(
    st.dictionaries(
        st.sampled_from([*ENTRY, "PATRONUS_HASH", "PATRONUS_ACTOR", "PATRONUS_OUTCOME", "_UID", "_COMM"]),
        values,
    )
)
def test_whatever_is_in_the_journal_is_one_message(entry: dict[str, Any]) -> None:
    written = message({**entry, "_UID": "800"}, "router", "800")
    assert HEADER.fullmatch(written.decode()), written


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("syslog+tls://log.example", Target("log.example", 6514)),
        ("syslog+tls://192.0.2.1:7000", Target("192.0.2.1", 7000)),
        ("syslog+tls://[2001:db8::1]:6514", Target("2001:db8::1", 6514)),
    ],
)
def test_a_server_is_named_by_its_url(url: str, target: Target) -> None:
    assert target_of(LoggingSettings.model_validate({"remote": url})) == target
    assert target_of(LoggingSettings()) is None


@pytest.mark.parametrize(
    "url",
    [
        "syslog://log.example",
        "udp://x",
        "syslog+tls://",
        "syslog+tls://a@b",
        "syslog+tls://b/x",
        "log.example",
    ],
)
def test_other_servers_are_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        LoggingSettings.model_validate({"remote": url})
