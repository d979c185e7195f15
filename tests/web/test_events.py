# SPDX-License-Identifier: GPL-2.0-or-later
"""The stream of events over REST: typed, in order, resumed, limited, and closed with its session."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.web.conftest import PASSWORD, PORT, Machine, Visitor
from webui.events import EACH

RULE = {"name": "seen", "from": "wan", "protocol": "tcp", "destination_port": 22, "action": "drop"}


@dataclass(frozen=True)
class Event:
    identifier: str
    kind: str
    data: dict[str, Any]


class Stream:
    """An open stream; reads one event after another."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response

    def next(self) -> Event | None:
        """Return the next event, past signs of life; None at the end."""
        fields: dict[str, str] = {}
        while line := self.response.readline().decode():
            if line == "\n" and "event" in fields:
                return Event(fields["id"], fields["event"], json.loads(fields["data"]))
            name, _, value = line.strip().partition(": ")
            if name:
                fields[name] = value
        return None

    def until(self, kind: str) -> Event:
        while event := self.next():
            if event.kind == kind:
                return event
        raise AssertionError(f"no {kind} came")


@contextmanager
def opened(visitor: Visitor, last: str | None = None) -> Iterator[Stream]:
    context = ssl.create_default_context(cafile=str(visitor.folder / "tls.crt"))
    context.check_hostname = False
    connection = http.client.HTTPSConnection(
        "127.0.0.1", PORT, context=context, source_address=(visitor.source, 0), timeout=60
    )
    headers = {"Authorization": f"Bearer {visitor.bearer}", **({"Last-Event-ID": last} if last else {})}
    try:
        connection.request("GET", "/api/v1/events", headers=headers)
        response = connection.getresponse()
        assert response.status == 200, (response.status, response.read())
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield Stream(response)
    finally:
        connection.close()


def add(admin: Visitor) -> int:
    answer = admin.ask("POST", "/api/v1/firewall/rules", {"rule": RULE, "confirm_s": 0})
    assert answer.status == 200, answer.text
    generation: int = answer.json()["generation"]
    return generation


def test_changes_are_seen_in_order_and_nothing_is_missed_over_a_break(admin: Visitor) -> None:
    with opened(admin) as stream:
        assert stream.next().kind == "hello"  # type: ignore[union-attr]
        first, second = add(admin), add(admin)
        seen = [stream.until("config-changed") for _ in range(2)]
    assert [event.data["new"] for event in seen] == [first, second]
    third = add(admin)
    with opened(admin, last=seen[0].identifier) as stream:
        assert stream.next().identifier == seen[0].identifier  # type: ignore[union-attr]
        assert [stream.until("config-changed").data["new"] for _ in range(2)] == [second, third]


def test_who_was_away_too_long_is_told_to_read_anew(admin: Visitor) -> None:
    with opened(admin, last="deadbeef-3") as stream:
        assert stream.next().kind == "hello"  # type: ignore[union-attr]
        assert stream.next().kind == "events-lost"  # type: ignore[union-attr]


@pytest.mark.parametrize("last", ["x", "12", "deadbeef-", "DEADBEEF-1", "a-" + "9" * 40])
def test_an_id_that_is_none_is_refused(admin: Visitor, last: str) -> None:
    assert admin.ask("GET", "/api/v1/events", Last_Event_ID=last).status == 400
    assert admin.ask("GET", f"/api/v1/events?last={last}").status == 400


def test_a_stranger_sees_nothing(machine: Machine, admin: Visitor) -> None:
    assert machine.visitor().ask("GET", "/api/v1/events").status == 401


def test_the_newest_streams_of_one_host_displace_its_oldest_and_no_other_host_s(
    machine: Machine, admin: Visitor
) -> None:
    greedy = machine.visitor("127.0.0.77")
    greedy.bearer = admin.bearer
    with opened(admin) as other, opened(greedy) as oldest, ExitStack() as stack:
        assert oldest.next().kind == "hello"  # type: ignore[union-attr]
        newest = [stack.enter_context(opened(greedy)) for _ in range(EACH)]
        assert oldest.next() is None, "it was ended, by no event"
        add(admin)
        for stream in (other, *newest):
            stream.until("config-changed")
        assert greedy.ask("GET", "/api/v1/system/status").status == 200


def test_a_stream_ends_with_its_session(machine: Machine, admin: Visitor) -> None:
    visitor = machine.visitor("127.0.0.78")
    answer = visitor.ask("POST", "/api/v1/session", {"name": "admin", "password": PASSWORD})
    visitor.bearer = answer.json()["token"]
    with opened(visitor) as stream:
        assert stream.next().kind == "hello"  # type: ignore[union-attr]
        assert visitor.ask("DELETE", "/api/v1/session").status == 200
        add(admin)
        assert stream.next() is None
