# SPDX-License-Identifier: GPL-2.0-or-later
"""No user keeps another out, and nobody keeps root out."""

from __future__ import annotations

from patronus.daemon.slots import ALL_USERS, PER_USER, ROOT, Slots


def test_one_user_gets_so_many_and_another_still_gets_in() -> None:
    slots = Slots()
    assert [slots.take(1000) for _ in range(PER_USER + 1)] == [True] * PER_USER + [False]
    assert slots.take(1001)
    slots.give_back(1000)
    assert slots.take(1000)
    assert not slots.take(1000)


def test_many_users_together_are_limited_and_root_is_not() -> None:
    slots = Slots()
    taken = sum(slots.take(uid) for uid in range(1000, 1100) for _ in range(PER_USER))
    assert taken == ALL_USERS
    assert not slots.take(2000)
    assert all(slots.take(ROOT) for _ in range(2 * ALL_USERS))
    slots.give_back(1000)
    assert slots.take(2000)
