# SPDX-License-Identifier: GPL-2.0-or-later
"""The key of the updates is changed in two steps, and no device is left behind in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from image.host import BuildError
from image.keys import Keys, generate, generate_next, make_next, turn, turn_over
from image.release import sign
from patronus.core.errors import NotPermitted
from patronus.update.signature import verify


def trusts(ring: Path, folder: Path, home: Path) -> bool:
    """Return whether a keyring trusts what the key in this GnuPG home signs."""
    folder.mkdir(exist_ok=True)
    (folder / "SHA256SUMS").write_text("0  nothing\n")
    sign(folder, home)
    try:
        verify((folder / "SHA256SUMS").read_bytes(), (folder / "SHA256SUMS.gpg").read_bytes(), [ring])
    except NotPermitted:
        return False
    return True


def test_both_keys_are_trusted_until_the_next_one_signs(tmp_path: Path) -> None:
    keys, scratch = Keys(tmp_path / "keys"), tmp_path / "release"
    keys.folder.mkdir()
    generate(keys)
    first = keys.update_keyring.read_bytes()
    assert trusts(keys.update_keyring, scratch, keys.update_home)
    generate_next(keys)
    old = tmp_path / "old.gpg"
    old.write_bytes(first)
    assert not trusts(old, scratch, keys.next_home), "who has not updated knows the first key alone"
    assert trusts(keys.update_keyring, scratch, keys.update_home)
    assert trusts(keys.update_keyring, scratch, keys.next_home)
    turn_over(keys)
    assert trusts(keys.update_keyring, scratch, keys.update_home)
    assert not trusts(keys.update_keyring, scratch, keys.past_home)


def test_a_next_key_that_was_cut_short_is_finished_before_it_signs(tmp_path: Path) -> None:
    """Else releases would be signed by a key that no device has heard of."""
    keys, scratch = Keys(tmp_path / "keys"), tmp_path / "release"
    keys.folder.mkdir()
    generate(keys)
    first = keys.update_keyring.read_bytes()
    (keys.folder / "next-update-gnupg.part").mkdir()
    (keys.folder / "next-update-gnupg.part/half").touch()
    generate_next(keys)
    assert not (keys.next_home / "half").exists()
    keys.update_keyring.write_bytes(first)  # as if it had ended before the images were told
    with pytest.raises(BuildError, match="do not trust the next key yet"):
        turn_over(keys)
    assert trusts(keys.update_keyring, scratch, keys.update_home)
    generate_next(keys)
    assert trusts(keys.update_keyring, scratch, keys.next_home)
    turn_over(keys)
    assert trusts(keys.update_keyring, scratch, keys.update_home)


def test_a_step_out_of_order_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    with pytest.raises(BuildError, match="no keys that could have a next one"):
        make_next(keys)
    with pytest.raises(BuildError, match="no next update key"):
        turn(keys)
    for folder in (keys.next_home, keys.past_home, keys.update_home):
        folder.mkdir()
    with pytest.raises(BuildError, match="past-update-gnupg is there already"):
        turn(keys)
