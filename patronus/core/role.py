# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may call what. Quick to load: the admin page knows verbs by their descriptions, and needs no models."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Protocol


class Role(IntEnum):
    """What a caller may do; each role includes those below it."""

    NONE = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


COMING_IN = ("accounts.SetUpState", "accounts.SetUp", "accounts.LogIn", "accounts.FinishLogIn")
"""The verbs by which a stranger comes in: open to all, answered while the daemon still loads the others."""


class Declared(Protocol):
    """What of a verb's declaration says who may call it; see ``core.verb.Verb``."""

    @property
    def name(self) -> str:
        """Return the verb's name."""

    @property
    def role(self) -> Role:
        """Return the least role that may call."""

    @property
    def own(self) -> bool:
        """Return whether it is about the caller's own account alone."""

    @property
    def reserved(self) -> bool:
        """Return whether it gives authority away."""


@dataclass(frozen=True)
class Grant:
    """What a role allows: each verb that needs no more than ``base``, and each that ``verbs`` names.

    ``verbs`` are names of verbs, or patterns in which ``*`` stands for anything: ``dns.*``.
    """

    name: str
    base: Role
    verbs: tuple[str, ...] = ()

    def allows(self, verb: Declared) -> bool:
        """Return whether the role may call the verb; no pattern reaches a verb that is ``reserved``."""
        return self.covers(verb.name, verb.role, verb.own, verb.reserved)

    def covers(self, name: str, least: Role, own: bool, reserved: bool) -> bool:  # noqa: FBT001
        """Return the same for a verb that is known by its description alone."""
        if own or self.base >= least:
            return True
        return not reserved and any(fnmatchcase(name, pattern) for pattern in self.verbs)
