# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb table: finds the verb, decides whether the caller may, checks the parameters, audits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from patronus.core.drafts import seeing
from patronus.core.errors import (
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    PatronusError,
    SecondFactorNeeded,
    StorageError,
)
from patronus.core.redaction import MASK, redact
from patronus.core.values import message_of
from patronus.core.verb import Caller, Parameters, Role, Verb
from patronus.daemon.peer import Peer

log = logging.getLogger(__name__)

REFUSAL_EVERY_S = 60.0
"""A caller's refusals of one verb within this time are one record: nobody pushes others' records out."""
WORTH_WRITING = (NotAuthenticated, NotPermitted, SecondFactorNeeded)
"""What a stranger was told that counts as a guess, or as a right password."""

Authenticate = Callable[[str, str], Caller]
"""(token, origin) → caller; raises NotAuthenticated."""


class Auditor(Protocol):
    """Where it is written who did what: ``core.audit.AuditLog``."""

    def append(
        self, action: str, caller: Caller, outcome: str, details: dict[str, Any] | None = None
    ) -> None:
        """Write one record durably."""


class VerbTable:
    """All verbs of the daemon, by Varlink method."""

    def __init__(self, verbs: Iterable[Verb[Any, Any]], authenticate: Authenticate, audit: Auditor) -> None:
        self._verbs: dict[str, Verb[Any, Any]] = {}
        self._authenticate = authenticate
        self._audit = audit
        self._refused_s: dict[tuple[str, str], float] = {}
        for verb in verbs:
            self.add(verb)

    def add(self, verb: Verb[Any, Any]) -> None:
        """Enter a verb; two verbs of one name are a mistake in the code."""
        if verb.method in self._verbs:
            raise ValueError(f"verb {verb.name} is declared twice")
        self._verbs[verb.method] = verb

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return all verbs, by name."""
        return [self._verbs[method] for method in sorted(self._verbs)]

    def permit(self, peer: Peer, least: Role, given: dict[str, Any]) -> Caller:
        """Return who calls, taking ``session``, ``origin`` and ``draft`` out of ``given``.

        Raises NotAuthenticated or NotPermitted where the caller may not do what needs role ``least``.
        """
        caller = self._identify(peer, given)
        if caller.role < least:
            raise _refusal(caller, least.name.lower())
        return caller

    def _identify(self, peer: Peer, given: dict[str, Any]) -> Caller:
        session = given.pop("session", None)
        origin = given.pop("origin", None)
        origin = str(origin) if peer.trusted_origin and origin else "local"
        caller = self._authenticate(session, origin) if isinstance(session, str) else peer.caller()
        draft = given.pop("draft", False)
        if not isinstance(draft, bool):
            raise InvalidRequest(f"draft: {draft!r} is neither true nor false")
        return replace(caller, origin=origin, draft=draft)

    def call(self, peer: Peer, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one call and return the result as JSON-ready data. Raises the error tree."""
        verb = self._verbs.get(method)
        if verb is None:
            raise NotFound(f"there is no verb {method}")
        given = dict(parameters)
        caller = self._identify(peer, given)
        if not caller.may(verb):
            raise self._refused(verb, caller)
        if not verb.changes:
            return self._carry_out(verb, caller, _valid(verb, given))
        return self._audited(verb, caller, given)

    def _refused(self, verb: Verb[Any, Any], caller: Caller) -> PatronusError:
        """Return the refusal; that somebody known tried to change what they may not is recorded."""
        refusal = _refusal(caller, f"{verb.role.name.lower()} or {verb.name}")
        key, now_s = (caller.name, verb.name), time.monotonic()
        lately = now_s - self._refused_s.get(key, -REFUSAL_EVERY_S) < REFUSAL_EVERY_S
        if verb.changes and not caller.stranger and not lately:
            self._refused_s[key] = now_s
            self._record(verb.name, caller, f"{refusal.code}: {refusal}", {})
        return refusal

    def _carry_out(self, verb: Verb[Any, Any], caller: Caller, parameters: Parameters) -> dict[str, Any]:
        if caller.draft and verb.changes and not verb.result.knows_drafts:
            raise InvalidRequest(f"{verb.name} acts at once: a draft cannot hold it")
        with seeing(caller.account if caller.draft else None):
            result: dict[str, Any] = verb.handler(caller, parameters).model_dump(mode="json")
        return result

    def _audited(self, verb: Verb[Any, Any], caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
        outcome, changed = "failed", {}
        try:
            parameters = _valid(verb, given)
            before = _subject(verb, parameters)
            result = self._carry_out(verb, caller, parameters)
            outcome, changed = "done", _differences(before, _subject(verb, parameters))
        except PatronusError as error:
            outcome = f"{error.code}: {error}"
            if caller.stranger and not isinstance(error, WORTH_WRITING):
                outcome = ""  # a stranger's nonsense costs no wait, and must not fill the disk
            raise
        finally:
            if outcome:
                self._record(verb.name, caller, outcome, written(given, verb.parameters) | changed)
        return result

    def _record(self, name: str, caller: Caller, outcome: str, given: dict[str, Any]) -> None:
        """Write the audit record; a full disk must not keep the administrator out, nor hide what was done."""
        try:
            self._audit.append(name, caller, outcome, given)
        except StorageError as error:
            log.error("not in the audit log: %s by %s (%s): %s: %s", name, caller.name, caller.origin,
                      outcome, error)  # fmt: skip


def _valid(verb: Verb[Any, Any], given: Mapping[str, Any]) -> Parameters:
    """Return the verb's parameters. Raises InvalidRequest."""
    try:
        parameters: Parameters = verb.parameters.model_validate(given)
    except ValidationError as error:
        raise InvalidRequest(_explain(error)) from error
    return parameters


def _subject(verb: Verb[Any, Any], parameters: Parameters) -> dict[str, Any]:
    """Return what the call is about, as it stands; nothing where the verb does not say, or there is none."""
    return verb.subject(parameters) if verb.subject else {}


def _differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return what differs, in the words of a commit's record; empty where nothing does."""
    found = [
        {"path": name, "before": before.get(name), "after": after.get(name)}
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]
    return {"differences": found} if found else {}


def written(given: Mapping[str, Any], model: type[Parameters]) -> dict[str, Any]:
    """Return the parameters as they are written down: short, and without anything that could be a secret."""
    declared = {name for name, field in model.model_fields.items() if is_secret(field)}
    return {key: MASK if key in declared else value for key, value in redact(given).items()}


def is_secret(field: FieldInfo) -> bool:
    """Return whether a parameter is declared as one that is never written down (``core.verb.SECRET``)."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and extra.get("writeOnly") is True


def _refusal(caller: Caller, needed: str) -> PatronusError:
    if caller.stranger:
        return NotAuthenticated("log in first")
    role = " and ".join(grant.name for grant in caller.grants) or caller.role.name.lower()
    return NotPermitted(f"{caller.name} is {role}, this needs {needed}")


def _explain(error: ValidationError) -> str:
    parts = [
        f"{'.'.join(str(part) for part in item['loc']) or 'parameters'}: {message_of(item)}"
        for item in error.errors()
    ]
    return "; ".join(parts)
