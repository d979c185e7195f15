# SPDX-License-Identifier: GPL-2.0-or-later
"""A device says what it runs, and nobody can change a word of it or show it twice."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import cast

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import ValidationError

from patronus.core.audit import AuditLog
from patronus.core.chain import Link
from patronus.core.errors import StorageError
from patronus.core.verb import Caller, Role
from patronus.daemon.attest import ENTRY, SECURE_BOOT, Attest, Attestation, AttestVerbs, Booted, booted
from patronus.kernel.host import Host
from patronus.kernel.host import Places as HostPlaces
from patronus.secrets.device_key import DeviceKey

ANNA = Caller("anna", Role.VIEWER)
HASH = "5a" * 32
MEASURED = "c7" * 32
VARIABLE = b"\6\0\0\0"


def machine(root: Path, lockdown: str = "none [integrity] confidentiality", secure: bytes = b"\1") -> Path:
    files = {
        "proc/cmdline": f"quiet roothash={HASH} x=y\n".encode(),
        "sys/kernel/security/lockdown": f"{lockdown}\n".encode(),
        SECURE_BOOT: VARIABLE + secure,
        ENTRY: VARIABLE + "patronus_0.1.0+2-1.efi\0".encode("utf-16-le"),
        "sys/class/tpm/tpm0/tpm_version_major": b"2\n",
        "sys/class/tpm/tpm0/pcr-sha256/11": f"{MEASURED.upper()}\n".encode(),
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def ask(tmp_path: Path, nonce: str | None = None, secure: bytes = b"\1") -> Attestation:
    clock = SimpleNamespace(boot_id="boot", wall=lambda: 1795690822.4)
    control = SimpleNamespace(generation=7)
    host = SimpleNamespace(places=HostPlaces.below(tmp_path), clock=clock, control=control)
    log = SimpleNamespace(head=Link(12, "ab" * 32))
    verbs = AttestVerbs(cast(Host, host), cast(AuditLog, log), machine(tmp_path / "machine", secure=secure))
    return verbs.attest(ANNA, Attest(nonce=nonce))


def check(found: Attestation, statement: str) -> None:
    key = load_pem_public_key(found.key.encode())
    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.b64decode(found.signature), statement.encode())


def test_how_the_machine_was_started_is_read(tmp_path: Path) -> None:
    assert booted(machine(tmp_path)) == Booted(
        HASH, "patronus_0.1.0+2-1.efi", True, "integrity", True, MEASURED
    )
    other = booted(machine(tmp_path, "[none] integrity confidentiality", b"\0"))
    assert (other.secure_boot, other.lockdown) == (False, "none")
    (tmp_path / "sys/class/tpm/tpm0/tpm_version_major").write_text("1\n")
    assert not booted(tmp_path).tpm, "systemd seals with none older than 2.0"
    assert booted(tmp_path / "elsewhere") == Booted(None, None, None, None, False, None)


def test_what_is_said_is_signed_and_a_changed_word_is_not(tmp_path: Path) -> None:
    found = ask(tmp_path, "n-1")
    check(found, found.statement)
    said = json.loads(found.statement)
    assert (said["root_hash"], said["secure_boot"], said["generation"]) == (HASH, True, 7)
    assert (said["tpm"], said["measured"]) == (True, MEASURED)
    assert (said["entry"], said["lockdown"]) == ("patronus_0.1.0+2-1.efi", "integrity")
    assert (said["audit"], said["nonce"]) == ({"number": 12, "hash": "ab" * 32}, "n-1")
    with pytest.raises(InvalidSignature):
        check(found, found.statement.replace("n-1", "n-2"))


def test_a_device_without_secure_boot_says_so(tmp_path: Path) -> None:
    assert json.loads(ask(tmp_path, secure=b"\0").statement)["secure_boot"] is False


def test_all_who_ask_for_the_first_time_at_once_get_the_same_key(tmp_path: Path) -> None:
    """Else one of them holds a signature by a key that was replaced at once."""
    key, together = DeviceKey(tmp_path / "secrets"), Barrier(8)

    def first(_: int) -> str:
        together.wait()
        return key.public()

    with ThreadPoolExecutor(8) as crowd:
        assert set(crowd.map(first, range(8))) == {key.public()}


def test_the_key_stays_the_same_and_is_the_devices_alone(tmp_path: Path) -> None:
    assert ask(tmp_path).key == ask(tmp_path).key != ask(tmp_path / "other").key
    (file,) = tmp_path.glob("var/lib/patronus/secrets/*")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_damaged_key_is_told_and_not_replaced(tmp_path: Path) -> None:
    ask(tmp_path)
    (file,) = tmp_path.glob("var/lib/patronus/secrets/*")
    file.write_text("torn")
    with pytest.raises(StorageError, match="damaged"):
        ask(tmp_path)
    assert file.read_text() == "torn"


@pytest.mark.parametrize("nonce", ["", "a b", "x" * 129, "\n"])
def test_a_nonce_is_a_short_word(nonce: str) -> None:
    with pytest.raises(ValidationError):
        Attest(nonce=nonce)
