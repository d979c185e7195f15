# SPDX-License-Identifier: GPL-2.0-or-later
"""The events as server-sent events (WHATWG HTML, section 9.2): typed, in order, resumed by Last-Event-ID.

A stream holds a thread and a connection to the daemon, so each address gets a few, the newest in the place
of the oldest, and all together half of the threads: the pages never wait for streams. It ends with the
session, or after a while; browsers come back by themselves.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, current_app, request

from patronus.core.errors import InvalidRequest, PatronusError, TooManyRequests
from webui.daemon import daemon, visitor_origin, visitor_token
from webui.openapi import BASE, EVENTS
from webui.streams import Open, Streams

events = Blueprint("events", __name__)
EACH, TOGETHER = 4, 16
"""Streams of one address, and of all: the server has twice as many threads."""
LONGEST_S = 600.0
RETRY_MS = 3000
SILENCE_S = 60.0
"""The daemon says something every 15 seconds; one that does not is not there."""
_ID = re.compile(r"([0-9a-f]{1,32})-([0-9]{1,15})")


def make_streams() -> Streams:
    """Return what holds the streams of the application."""
    return Streams(EACH, TOGETHER)


@events.get(BASE + EVENTS)
def stream() -> Response:
    """Stream the events after the one that the browser saw last, or from now on."""
    after = _after(request.headers.get("Last-Event-ID") or request.args.get("last"))
    streams: Streams = current_app.extensions["patronus-streams"]
    client = daemon().open()
    this = Open(request.remote_addr or "", client.interrupt)
    if not streams.enter(this):
        raise TooManyRequests("too many streams of events are open", 10)

    def end() -> None:
        client.close()
        streams.leave(this)

    try:
        replies = client.stream(
            "system.Events", after, session=visitor_token(), origin=visitor_origin(), idle_s=SILENCE_S
        )
        hello = next(replies)
    except PatronusError:
        end()
        raise
    response = Response(_written(hello, replies), mimetype="text/event-stream")
    response.call_on_close(end)
    return response


def _written(hello: dict[str, Any], replies: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Yield the replies as they go over the wire; where the session or the daemon ends, the stream does."""
    ends = time.monotonic() + LONGEST_S
    yield f"retry: {RETRY_MS}\nid: {hello['stream']}-{hello['number']}\nevent: hello\ndata: {{}}\n\n"
    try:
        for reply in replies:
            yield _event(reply)
            if time.monotonic() >= ends:
                return
    except PatronusError:
        return


def _event(reply: dict[str, Any]) -> str:
    event = reply["event"]
    if event is None:
        return ": still here\n\n"
    identifier, data = f"{reply['stream']}-{reply['number']}", json.dumps(event)
    return f"id: {identifier}\nevent: {event['kind']}\ndata: {data}\n\n"


def _after(last: str | None) -> dict[str, Any]:
    if not last:
        return {}
    found = _ID.fullmatch(last)
    if found is None:
        raise InvalidRequest("Last-Event-ID, or last, is the id of an event")
    return {"stream": found[1], "after": int(found[2])}
