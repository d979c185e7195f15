# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS over HTTPS (RFC 8484) as a talk on a TLS connection: a request of HTTP/2 for each question.

Questions go by POST, so that no cache on the way has a reason to keep an answer and its age need not be taken
off. Nothing says who asks: the headers are the same for everybody.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes

from patronus.kernel.talk import Question

MEDIA_TYPE = "application/dns-message"
LONGEST = 65535
"""Bytes that a DNS message has at most."""
HTTPS_PORT = 443
OK = "200"


@dataclass
class _Request:
    """A question that was sent, and what has come of its answer."""

    question: Question
    status: str = ""
    media_type: str = ""
    body: bytearray = field(default_factory=bytearray)

    def conclude(self) -> None:
        """Hand over the answer, or why there is none."""
        if self.status != OK:
            self.question.refuse(f"answers with the HTTP status {self.status}")
        elif self.media_type != MEDIA_TYPE:
            self.question.refuse(f"answers with {self.media_type or 'something'} in place of a DNS message")
        else:
            self.question.answer(bytes(self.body))


class Requests:
    """Requests to one place of a server: as many at a time as it takes, the others when there is room."""

    protocols: tuple[str, ...] = ("h2",)

    def __init__(self, name: str, port: int, path: str) -> None:
        self.concluded = 0
        self._http = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._up = False
        self._waiting: deque[Question] = deque()
        self._sent: dict[int, _Request] = {}
        host = f"[{name}]" if ":" in name else name
        self._headers = (
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", host if port == HTTPS_PORT else f"{host}:{port}"),
            (":path", path),
            ("accept", MEDIA_TYPE),
            ("content-type", MEDIA_TYPE),
        )

    def begin(self, protocol: str | None) -> None:
        """Start with HTTP/2. Raises ConnectionError where the server speaks something else."""
        if protocol not in self.protocols:
            raise ConnectionError("does not speak HTTP/2")
        self._http.initiate_connection()
        self._http.update_settings({SettingCodes.ENABLE_PUSH: 0})
        self._up = True
        self._send()

    def ask(self, question: Question) -> None:
        """Send the question, now or when there is room."""
        self._waiting.append(question)
        self._send()

    def _send(self) -> None:
        """Send what the server has room for; its message has the id 0 (RFC 8484 section 4.1)."""
        while self._up and self._waiting and self._has_room(len(self._waiting[0].data)):
            question = self._waiting.popleft()
            if question.closed:
                continue
            stream = self._http.get_next_available_stream_id()
            length = ("content-length", str(len(question.data)))
            self._http.send_headers(stream, (*self._headers, length))
            self._http.send_data(stream, bytes(2) + question.data[2:], end_stream=True)
            self._sent[stream] = _Request(question)

    def _has_room(self, size: int) -> bool:
        theirs = self._http.remote_settings
        window = min(self._http.outbound_flow_control_window, theirs.initial_window_size)
        return self._http.open_outbound_streams < theirs.max_concurrent_streams and size <= window

    def hear(self, data: bytes) -> None:
        """Take what came, and hand out answers. Raises ConnectionError."""
        try:
            for event in self._http.receive_data(data):
                self._take(event)
            self._send()
        except H2Error as error:
            raise ConnectionError(f"breaks HTTP/2: {error}") from error

    def _take(self, event: Event) -> None:
        """Take what happened. Raises ConnectionError where the server goes."""
        if isinstance(event, ConnectionTerminated):
            raise ConnectionResetError("closed the connection")
        stream: int = getattr(event, "stream_id", None) or 0
        if isinstance(event, DataReceived):
            self._http.acknowledge_received_data(event.flow_controlled_length or 0, stream)
        request = self._sent.get(stream)
        if request is None:
            return
        if isinstance(event, ResponseReceived):
            headers = {bytes(name): bytes(value).decode("latin-1") for name, value in event.headers or ()}
            request.status = headers.get(b":status", "")
            request.media_type = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        elif isinstance(event, DataReceived):
            request.body += event.data or b""
            if len(request.body) > LONGEST:
                self._refuse_length(stream, ended=event.stream_ended is not None)
        elif isinstance(event, StreamEnded):
            self._over(stream).conclude()
        elif isinstance(event, StreamReset):
            self._over(stream).question.refuse(f"gives up the request (HTTP/2 error {event.error_code:d})")

    def _refuse_length(self, stream: int, *, ended: bool) -> None:
        """Hear no more of an answer that is none."""
        if not ended:
            self._http.reset_stream(stream, ErrorCodes.CANCEL)
        self._over(stream).question.refuse("answers with more than a DNS message holds")

    def _over(self, stream: int) -> _Request:
        self.concluded += 1
        return self._sent.pop(stream)

    def speak(self) -> bytes:
        """Return what is to be sent, once."""
        return bytes(self._http.data_to_send()) if self._up else b""

    @property
    def owes(self) -> bool:
        """Return whether a question has no answer yet."""
        return bool(self._sent or self._waiting)

    def open(self) -> list[Question]:
        """Return the questions that have no answer yet."""
        return [*(request.question for request in self._sent.values()), *self._waiting]
