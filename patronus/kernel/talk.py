# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said on a connection to a DNS server: bytes in, bytes out, no socket and no clock.

Here are the questions, and the talk of DNS over TLS, where each message is led by its length (RFC 7858).
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_LENGTH = struct.Struct("!H")

OnData = Callable[[bytes], None]
OnFailure = Callable[[str], None]


@dataclass(eq=False)
class Question:
    """What was asked; ``moved`` says that it has been asked on another connection before."""

    data: bytes
    on_data: OnData
    on_failure: OnFailure
    moved: bool = False
    closed: bool = False

    def close(self) -> None:
        """Wait for the answer no more."""
        self.closed = True

    def answer(self, message: bytes) -> None:
        """Hand over what came, under the question's own id."""
        if not self.closed:
            self.on_data(self.data[:2] + message[2:])

    def refuse(self, reason: str) -> None:
        """Say that this one has no answer, though the connection goes on."""
        if not self.closed:
            self.on_failure(reason)


class Talk(Protocol):
    """One side of a conversation; ``protocols`` are offered by ALPN, and ``begin`` is told which was taken.

    ``concluded`` counts the questions that were answered or refused so far.
    """

    protocols: tuple[str, ...]
    concluded: int

    def begin(self, protocol: str | None) -> None:
        """Start, once the connection is up. Raises ConnectionError where the server speaks something else."""

    def ask(self, question: Question) -> None:
        """Say the question, now or when there is room."""

    def hear(self, data: bytes) -> None:
        """Take what came, and hand out answers. Raises ConnectionError."""

    def speak(self) -> bytes:
        """Return what is to be sent, once."""

    @property
    def owes(self) -> bool:
        """Return whether a question has no answer yet."""

    def open(self) -> list[Question]:
        """Return the questions that have no answer yet."""


class Prefixed:
    """Messages led by their length; answers come in any order (RFC 7766 section 6.2.1.1)."""

    protocols: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._open: dict[int, Question] = {}
        self._said, self._heard = bytearray(), bytearray()
        self.concluded = 0

    def begin(self, protocol: str | None) -> None:
        """Start: nothing is to be agreed upon."""

    def ask(self, question: Question) -> None:
        """Say the question, under an id that no other on this connection has."""
        number = next(self._numbers) & 0xFFFF
        self._open[number] = question
        self._said += _LENGTH.pack(len(question.data)) + number.to_bytes(2) + question.data[2:]

    def hear(self, data: bytes) -> None:
        """Take what came, and hand out answers."""
        self._heard += data
        while len(self._heard) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._heard)[0]
            if len(self._heard) < end:
                return
            message = bytes(self._heard[_LENGTH.size : end])
            del self._heard[:end]
            question = self._open.pop(int.from_bytes(message[:2]), None)
            if question is not None:
                self.concluded += 1
                question.answer(message)

    def speak(self) -> bytes:
        """Return what is to be sent, once."""
        said = bytes(self._said)
        self._said.clear()
        return said

    @property
    def owes(self) -> bool:
        """Return whether a question has no answer yet."""
        return bool(self._open)

    def open(self) -> list[Question]:
        """Return the questions that have no answer yet."""
        return list(self._open.values())
