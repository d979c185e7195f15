# SPDX-License-Identifier: GPL-2.0-or-later
"""The reception lets people in at once; for every other call they wait until all verbs are there."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

from patronus.core.bus import Bus
from patronus.core.varlink import Message
from patronus.core.verb import Caller, Done, Nothing, Role, Verb
from patronus.daemon.event_stream import EventStream
from patronus.daemon.peer import Peer
from patronus.daemon.reception import Reception
from patronus.daemon.table import VerbTable
from patronus.kernel.host import Places
from patronus.secrets.password.service import PasswordService
from patronus.secrets.service import create
from tests.unit.secrets.conftest import Box, MovableClock

WEB = Peer("patronus-web", Role.NONE, trusted_origin=True)
ROOT = Peer("root", Role.ADMIN, trusted_origin=False)
LONG_S = 60.0


def do(caller: Caller, given: Nothing) -> Done:
    """Do nothing."""
    return Done()


def receive(folder: Path) -> Reception:
    """Return a reception that knows a verb for strangers and one for those who came in."""
    places = Places(state=folder / "state", run=folder / "run")
    doorkeeper = create(places, MovableClock(), Box(), PasswordService())
    first = [
        Verb("accounts.SetUpState", Nothing, Done, do, Role.NONE),
        Verb("accounts.Leave", Nothing, Done, do, Role.VIEWER),
    ]
    table = VerbTable(first, doorkeeper.authenticate, _Silent())
    return Reception(doorkeeper, table, EventStream(Bus()))


class _Silent:
    def append(self, *_: Any, **__: Any) -> None:
        """Write nothing."""


class Call(threading.Thread):
    """A call that may have to wait."""

    def __init__(self, reception: Reception, peer: Peer, method: str) -> None:
        super().__init__(daemon=True)
        self.replies: list[Message] = []
        self._answer = partial(reception.answer, peer, method, {})
        self.start()

    def run(self) -> None:
        """Take the replies."""
        self.replies += self._answer()


def test_a_stranger_is_answered_before_the_other_verbs_are_there(tmp_path: Path) -> None:
    reception = receive(tmp_path)
    call = Call(reception, WEB, "io.patronus.accounts.v1.SetUpState")
    call.join(LONG_S)
    assert call.replies == [{"parameters": {}}]


def test_every_other_call_waits_for_the_verbs_and_is_then_answered(tmp_path: Path) -> None:
    reception = receive(tmp_path)
    own = Call(reception, ROOT, "io.patronus.accounts.v1.Leave")
    late = Call(reception, ROOT, "io.patronus.dns.v1.Flush")
    about = Call(reception, ROOT, "org.varlink.service.GetInfo")
    first = Call(reception, WEB, "io.patronus.accounts.v1.SetUpState")
    first.join(LONG_S)
    assert [call.replies for call in (own, late, about)] == [[], [], []]
    reception.table.add(Verb("dns.Flush", Nothing, Done, do, Role.OPERATOR))
    reception.open_whole()
    for call in (own, late, about):
        call.join(LONG_S)
    assert own.replies == late.replies == [{"parameters": {}}]
    assert "io.patronus.dns.v1" in about.replies[0]["parameters"]["interfaces"]
