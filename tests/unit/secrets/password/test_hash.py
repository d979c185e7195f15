# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import argon2
import pytest

from patronus.core.errors import InvalidRequest
from patronus.secrets.password import hash as argon2id

GOOD = "correct horse battery"


TAKEN = [GOOD, "0123456789", "пароль-длинный", "x1y2z3x1y2z3", "a" * 200 + "bcdef"]
REFUSED = ["", "short", "123456789", "a" * 16, "a" * 257, "tab\tin the middle", "admin12345", "Admin-admin"]


@pytest.mark.parametrize("password", TAKEN)
def test_a_good_password_is_taken(password: str) -> None:
    argon2id.check(password, "admin")


@pytest.mark.parametrize("password", REFUSED)
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(InvalidRequest):
        argon2id.check(password, "admin")


def test_the_hash_has_the_parameters_of_rfc_9106_and_a_salt_of_its_own() -> None:
    stored, again = argon2id.make(GOOD), argon2id.make(GOOD)
    found = argon2.extract_parameters(stored)
    assert found.type is argon2.Type.ID
    assert (found.memory_cost, found.time_cost, found.parallelism) == (65536, 3, 4)
    assert stored != again
    assert argon2id.matches(stored, GOOD)
    assert not argon2id.matches(stored, GOOD + "!")


def test_composed_and_decomposed_letters_are_one_password() -> None:
    assert argon2id.matches(argon2id.make("caf\u00e9-caf\u00e9-1"), "cafe\u0301-cafe\u0301-1")


def test_the_hash_of_no_one_is_a_whole_hash_that_costs_as_much() -> None:
    found = argon2.extract_parameters(argon2id.NO_ONE)
    assert (found.memory_cost, found.time_cost, found.parallelism) == (65536, 3, 4)
    assert not argon2id.matches(argon2id.NO_ONE, GOOD)


def test_hashes_from_elsewhere_are_looked_at() -> None:
    mine = argon2id.make(GOOD)
    assert argon2id.check_hash(mine) == mine
    weak = argon2.PasswordHasher(memory_cost=64, time_cost=1, parallelism=1).hash(GOOD)
    greedy = mine.replace("m=65536", "m=4194304")
    other = argon2.PasswordHasher(type=argon2.Type.I).hash(GOOD)
    for refused in (weak, greedy, other, "$argon2id$rubbish", mine[:20]):
        with pytest.raises(InvalidRequest):
            argon2id.check_hash(refused)
