# SPDX-License-Identifier: GPL-2.0-or-later
"""What patronusd hands to the process that tells providers, and what comes back: small JSON files.

A task has passwords in it. It lies where patronusd alone may read, systemd hands it to the process as a
credential, and it is removed when the run has ended; what comes back has none.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from patronus.core.files import Disk, remove_durably, write_durably
from patronus.core.late import Late

SECRET_MODE, OPEN_MODE = 0o600, 0o644
Verdict = Literal["told", "same", "stop", "wait", "failed"]
"""What came of telling one: the provider has it; it had it already, and was not asked; it wants no more of
this until something is changed; it wants half an hour of quiet; it was not reached or said something odd."""


class _Part(Late):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Way(_Part):
    """How to reach the provider: by this device and from these addresses; without a device as routes say."""

    device: str | None = None
    source4: IPv4Address | None = None
    source6: IPv6Address | None = None


class Dyndns2(_Part):
    """By the protocol ``/nic/update``."""

    server: str
    user: str
    password: str = Field(repr=False)
    ca: str | None = None


class Template(_Part):
    """By asking for a page whose address has the words filled in; ``expect`` is in a good answer."""

    address: str
    user: str | None = None
    password: str | None = Field(default=None, repr=False)
    expect: str | None = None
    ca: str | None = None


class Rfc2136(_Part):
    """By an update of a name server; ``secret`` is the key in base64."""

    server: str
    port: int
    zone: str
    key: str
    algorithm: str
    secret: str = Field(repr=False)
    ttl: int


class Telling(_Part):
    """What to tell of one entry. ``ask`` is where the outside address of IPv4 is asked for first.

    ``known`` are the addresses that the provider has, where telling it the same again is needless.
    """

    id: str
    hostnames: tuple[str, ...]
    way: Way = Way()
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    ask: str | None = None
    ask_ca: str | None = None
    known: tuple[IPv4Address | None, IPv6Address | None] | None = None
    dyndns2: Dyndns2 | None = None
    url: Template | None = None
    rfc2136: Rfc2136 | None = None


class Task(_Part):
    """What to tell now. ``number`` is another for each task."""

    number: int
    tellings: tuple[Telling, ...] = ()


class Outcome(_Part):
    """What came of one: the addresses that were told, what was answered, and that in plain words."""

    id: str
    verdict: Verdict
    answer: str = ""
    words: str = ""
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None


class Report(_Part):
    """What came of a task."""

    number: int
    outcomes: tuple[Outcome, ...] = ()


def hand_out(path: Path, task: Task) -> None:
    """Write a task. Raises StorageError."""
    write_durably(Disk(), path, task.model_dump_json().encode(), SECRET_MODE)


def take_back(path: Path) -> None:
    """Remove a task, where there is one. Raises StorageError."""
    if path.exists():
        remove_durably(Disk(), path)


def handed(path: Path) -> Task | None:
    """Return the task; None where there is none that is whole."""
    try:
        return Task.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def report(path: Path, found: Report) -> None:
    """Write what came of a task. Raises StorageError."""
    write_durably(Disk(), path, found.model_dump_json().encode(), OPEN_MODE)


def reported(path: Path) -> Report | None:
    """Return what came of the last task; None where nothing has."""
    try:
        return Report.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
