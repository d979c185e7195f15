# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of backups. A backup travels as base64: it is encrypted before it leaves the daemon."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from pydantic import Field

from patronus.core.errors import InvalidRequest
from patronus.core.problem import Problem
from patronus.core.verb import SECRET, Caller, Parameters, Result, Role, Secret, Verb
from patronus.daemon.backup.keeper import Backups
from patronus.daemon.backup.mapping import roles

LARGEST = 6 * 1024 * 1024
"""Characters: what REST takes in one request."""
File = Annotated[str, Field(max_length=LARGEST, json_schema_extra={**SECRET}, description="in base64")]


class Create(Parameters):
    """The password of a new backup."""

    password: Secret = Field(description="at least 10 characters; whoever has it has the secrets")


class Given(Parameters):
    """A backup and its password."""

    backup: File
    password: Secret


class Restore(Given):
    """A backup to run, and what it needs to know of this router."""

    roles: dict[str, str] = Field(
        default={},
        max_length=256,
        description="role → network card (name or MAC), for roles that have none here; none leaves one down",
    )
    confirm_s: float | None = Field(
        default=None, gt=0, description="revert unless confirmed within so many seconds"
    )


class Created(Result):
    """A backup."""

    backup: str = Field(description="the file, in base64")
    name: str = Field(description="a name for the file")
    warnings: list[str] = Field(description="what is not in it, and why")


class RoleInfo(Result):
    """A role that a network card plays; ``nic`` is null where this router has none for it."""

    id: str
    mac: str | None
    path: str | None
    nic: str | None


class CardInfo(Result):
    """A network card of this router."""

    name: str
    mac: str
    path: str | None


class Described(Result):
    """What a backup holds, without the secrets' values."""

    hostname: str
    time: float = Field(description="seconds since the epoch")
    image_version: str
    files: list[str]
    secrets: list[str]
    leases: int
    roles: list[RoleInfo]
    cards: list[CardInfo] = Field(description="the network cards of this router")


class RestoreReport(Result):
    """What came of a restore."""

    generation: int
    changes: list[str]
    warnings: list[dict[str, Any]]
    confirm_within_s: float | None
    secrets: int
    leases: int


class BackupVerbs:
    """The verbs' handlers."""

    def __init__(self, backups: Backups) -> None:
        self._backups = backups

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verbs."""
        admin = Role.ADMIN
        return [
            Verb(
                "backup.Create", Create, Created, self.create, admin, "POST /backup", changes=True,
                reserved=True,
            ),
            Verb("backup.Inspect", Given, Described, self.inspect, admin, "POST /backup/inspect"),
            Verb(
                "backup.Restore", Restore, RestoreReport, self.restore, admin, "POST /backup/restore",
                changes=True,
            ),
        ]  # fmt: skip

    def create(self, caller: Caller, given: Create) -> Created:  # noqa: ARG002
        """Make a backup of configuration, secrets and leases, encrypted under a password."""
        made = self._backups.create(given.password)
        return Created(backup=base64.b64encode(made.data).decode(), name=made.name, warnings=[*made.warnings])

    def inspect(self, caller: Caller, given: Given) -> Described:  # noqa: ARG002
        """Say what a backup holds, and which of its roles have a network card here; change nothing."""
        contents, inventory = (
            self._backups.open(_data(given.backup), given.password),
            self._backups.inventory(),
        )
        return Described(
            hostname=contents.hostname,
            time=contents.time,
            image_version=contents.image_version,
            files=sorted(contents.files),
            secrets=sorted(contents.secrets),
            leases=len(contents.leases),
            roles=[RoleInfo(**vars(role)) for role in roles(contents.files, inventory)],
            cards=[CardInfo(name=nic.name, mac=nic.mac, path=nic.path) for nic in inventory],
        )

    def restore(self, caller: Caller, given: Restore) -> RestoreReport:
        """Run a backup's configuration with its secrets and leases, as one change that can be reverted."""
        contents = self._backups.open(_data(given.backup), given.password)
        done = self._backups.restore(contents, given.roles, caller, given.confirm_s)
        commit = done.commit
        return RestoreReport(
            generation=commit.generation,
            changes=list(commit.changes),
            warnings=[Problem.as_data(problem) for problem in commit.warnings],
            confirm_within_s=commit.confirm_within_s,
            secrets=done.secrets,
            leases=done.leases,
        )


def _data(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("backup: not base64") from None
