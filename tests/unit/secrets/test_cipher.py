# SPDX-License-Identifier: GPL-2.0-or-later
"""Secrets' files and stretched passwords: as the standards say; what was changed is refused."""

from __future__ import annotations

import pytest
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.errors import NotPermitted, StorageError
from patronus.secrets.cipher import MAGIC, read_header, seal, unseal
from patronus.secrets.keyring import Keyring, MasterKey, stretching_of, unwrap, wrap
from patronus.secrets.stretch import Stretching, stretch

KEY, ID = bytes(range(32)), b"k" * 8
CHEAP = Stretching(bytes(16), 8, 1, 1)


def test_aes_gcm_answers_as_its_paper_says() -> None:
    """McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16."""
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
        "b16aedf5aa0de657ba637b39"
    )
    associated = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    sealed = bytes.fromhex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
        "c5f61e6393ba7a0abcc9f662" + "76fc6ece0f4e1768cddf8853bb2d551b"
    )
    assert AESGCM(key).encrypt(bytes.fromhex("cafebabefacedbaddecaf888"), plain, associated) == sealed


def test_argon2id_answers_as_its_reference_does() -> None:
    """The reference implementation's own test: 64 MiB, 2 passes, 1 lane."""
    found = hash_secret_raw(b"password", b"somesalt", 2, 65536, 1, 32, Type.ID)
    assert found.hex() == "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"


def test_a_password_is_stretched_with_the_parameters_of_the_plan() -> None:
    how = Stretching.fresh()
    assert (how.memory_kib, how.passes, how.lanes) == (64 * 1024, 3, 4)
    wanted = hash_secret_raw(b"correct horse", how.salt, 3, 65536, 4, 32, Type.ID)
    assert stretch("correct horse", how) == wanted
    assert Stretching.unpack(how.pack(), "file") == how


@given(value=st.binary(max_size=300), name=st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True))
def test_what_goes_in_comes_out_and_never_looks_the_same(value: bytes, name: str) -> None:
    one, other = seal(KEY, ID, name, value), seal(KEY, ID, name, value)
    assert unseal(KEY, name, one) == unseal(KEY, name, other) == value
    assert one != other and read_header(name, one).version != read_header(name, other).version
    assert len(value) < 8 or value not in one


def test_each_changed_byte_is_refused_by_name() -> None:
    data = seal(KEY, ID, "wg-home", b"a private key")
    for at in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            with pytest.raises(StorageError, match=r"^wg-home\.enc "):
                unseal(KEY, "wg-home", bytes(changed))


def test_each_cut_is_refused_by_name_and_so_is_what_was_added() -> None:
    data = seal(KEY, ID, "wg-home", b"a private key")
    for length in range(len(data)):
        with pytest.raises(StorageError, match=r"^wg-home\.enc "):
            unseal(KEY, "wg-home", data[:length])
    with pytest.raises(StorageError, match=r"^wg-home\.enc "):
        unseal(KEY, "wg-home", data + b"\0")


def test_a_file_under_another_name_or_key_is_refused() -> None:
    data = seal(KEY, ID, "wg-home", b"a private key")
    with pytest.raises(StorageError, match=r"^wg-work\.enc was changed"):
        unseal(KEY, "wg-work", data)
    with pytest.raises(StorageError, match="was changed"):
        unseal(bytes(32), "wg-home", data)


def test_a_later_version_is_refused_in_words() -> None:
    data = seal(KEY, ID, "wg-home", b"a private key").replace(MAGIC, MAGIC.replace(b"1", b"2"), 1)
    with pytest.raises(StorageError, match="later version"):
        unseal(KEY, "wg-home", data)


def test_a_keyring_opens_with_its_password_alone() -> None:
    ring = Keyring((MasterKey.fresh(), MasterKey.fresh()))
    data = wrap(ring, CHEAP, stretch("correct horse", CHEAP))
    assert stretching_of(data) == CHEAP
    assert unwrap(data, stretch("correct horse", CHEAP)) == ring
    with pytest.raises(NotPermitted, match=r"wrong, or master\.recovery was changed"):
        unwrap(data, stretch("correct house", CHEAP))


def test_each_changed_byte_of_a_wrapped_keyring_is_refused_by_name() -> None:
    data = wrap(Keyring((MasterKey.fresh(),)), CHEAP, stretch("correct horse", CHEAP))
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x01
        with pytest.raises((StorageError, NotPermitted), match=r"master\.recovery"):
            how = stretching_of(bytes(changed))
            unwrap(bytes(changed), stretch("correct horse", how))
    for length in range(len(data)):
        with pytest.raises((StorageError, NotPermitted), match=r"master\.recovery"):
            stretching_of(data[:length])
            unwrap(data[:length], stretch("correct horse", CHEAP))


@pytest.mark.parametrize(
    "greedy",
    [Stretching(bytes(16), 1 << 30, 1, 1), Stretching(bytes(16), 8, 9999, 1), Stretching(bytes(16), 8, 1, 0)],
)
def test_parameters_that_would_exhaust_the_router_are_refused(greedy: Stretching) -> None:
    with pytest.raises(StorageError, match=r"master\.recovery was changed"):
        Stretching.unpack(greedy.pack(), "master.recovery")


def test_a_wiped_key_is_gone_and_none_is_shown() -> None:
    ring = Keyring((MasterKey.fresh(),))
    assert bytes(ring.current.key).hex() not in repr(ring) and "key=" not in repr(ring)
    ring.wipe()
    assert ring.current.key == bytes(32)
