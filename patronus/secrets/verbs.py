# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on accounts, roles, sessions, tokens and second factors; those of coming in: ``entry_verbs``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from patronus.core.verb import Verb
from patronus.secrets.account_verbs import AccountVerbs
from patronus.secrets.role_verbs import RoleVerbs
from patronus.secrets.session_verbs import SessionVerbs
from patronus.secrets.token_verbs import TokenVerbs
from patronus.secrets.totp_verbs import TotpVerbs

if TYPE_CHECKING:
    from patronus.secrets.service import Doorkeeper


def verbs(doorkeeper: Doorkeeper, known: Callable[[], Iterable[Verb[Any, Any]]]) -> list[Verb[Any, Any]]:
    """Return the verbs; ``known`` returns all verbs of the daemon once it is put together."""
    rooms = (
        AccountVerbs(doorkeeper.registrar),
        RoleVerbs(doorkeeper.registrar, known),
        SessionVerbs(doorkeeper.passes, doorkeeper.registrar),
        TokenVerbs(doorkeeper.bearers),
        TotpVerbs(doorkeeper),
    )
    return [verb for room in rooms for verb in room.verbs()]
