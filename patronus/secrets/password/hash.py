# SPDX-License-Identifier: GPL-2.0-or-later
"""Argon2id (RFC 9106): what may be a password, and its hash."""

from __future__ import annotations

import unicodedata

import argon2
from argon2.exceptions import InvalidHash, VerificationError

from patronus.core.errors import InvalidRequest

MEMORY_KIB = 64 * 1024
PASSES = 3
LANES = 4
"""RFC 9106 section 4, second recommended option (t=3, p=4, m=64 MiB)."""

LEAST_CHARACTERS = 10
MOST_CHARACTERS = 256
MOST_MEMORY_KIB = 128 * 1024
"""A hash made elsewhere must not cost more memory than a small router can lend."""

_hasher = argon2.PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)

NO_ONE = "$argon2id$v=19$m=65536,t=3,p=4$cGF0cm9udXMtbm8tb25l$Zt9XFXFfOWbLN0AR5RdWmbQM5UqDzqEV5EiCjQWUTAY"
"""Checked for a name that does not exist, so that the answer takes as long; no password has it."""


def normalise(password: str) -> str:
    """Return the password as it is hashed: NFKC, so that every keyboard types the same."""
    return unicodedata.normalize("NFKC", password)


def check(password: str, account: str) -> None:
    """Raise InvalidRequest where ``password`` is too weak or too long for the account of that name."""
    text = normalise(password)
    if not LEAST_CHARACTERS <= len(text) <= MOST_CHARACTERS:
        raise InvalidRequest(f"a password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters")
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise InvalidRequest("a password has no control characters")
    if account.casefold() in text.casefold() and len(text) < len(account) + LEAST_CHARACTERS:
        raise InvalidRequest("the password is the account's name with little added")
    if len(set(text)) < LEAST_CHARACTERS // 2:
        raise InvalidRequest(f"a password has at least {LEAST_CHARACTERS // 2} different characters")


def check_hash(text: str) -> str:
    """Return ``text`` where it is an Argon2id hash that this router can check, else raise InvalidRequest."""
    try:
        parameters = argon2.extract_parameters(text)
    except InvalidHash as error:
        raise InvalidRequest("not an Argon2 hash") from error
    if parameters.type is not argon2.Type.ID:
        raise InvalidRequest("only Argon2id hashes are taken")
    if not MEMORY_KIB // 8 <= parameters.memory_cost <= MOST_MEMORY_KIB:
        raise InvalidRequest(f"the hash needs between {MEMORY_KIB // 8} and {MOST_MEMORY_KIB} KiB of memory")
    return text


def make(password: str) -> str:
    """Return the hash of a password, with a salt of its own. Takes 64 MiB while it runs."""
    return str(_hasher.hash(normalise(password)))


def matches(stored: str, password: str) -> bool:
    """Return whether ``stored`` is the hash of ``password``. Takes the memory that the hash names."""
    try:
        return bool(_hasher.verify(stored, normalise(password)))
    except (VerificationError, InvalidHash):
        return False
