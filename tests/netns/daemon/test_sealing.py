# SPDX-License-Identifier: GPL-2.0-or-later
"""The real systemd-creds binds the master key to the machine; the helper asks it for patronusd alone."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from patronus.core.errors import KernelError
from patronus.kernel.units import Units
from patronus.kernel.units_server import UnitsServer
from patronus.secrets.keys import NO_KEY, kind_of
from patronus.secrets.stretch import Stretching, stretch
from patronus.secrets.vault import Vault
from tests.netns.daemon.credentials import Credentials, machine_id

HOST_KEY = Path("/var/lib/systemd/credential.secret")


@pytest.fixture
def credentials(tmp_path: Path) -> Iterator[Credentials]:
    machine_id()
    service = Credentials(tmp_path / "credentials.sock")
    yield service
    service.close()


@pytest.fixture
def units(tmp_path: Path, credentials: Credentials) -> Iterator[Units]:
    path = tmp_path / "units.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    server = UnitsServer(listener, os.getuid(), credentials=credentials.path)
    thread = threading.Thread(target=server.serve, args=(2.0,))
    thread.start()
    yield Units(path)
    thread.join()


def quick(password: str, how: Stretching) -> bytes:
    return stretch(password, Stretching(how.salt, 8, 1, 1))


def test_what_is_sealed_opens_here_and_shows_nothing(units: Units, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    sealed = units.seal(b"the master key")
    assert units.unseal(sealed) == b"the master key"
    assert b"master" not in sealed and kind_of(sealed) != NO_KEY
    assert "Seal" in caplog.text
    for said in ("the master key", "dGhlIG1hc3Rlc", sealed.decode()[:30]):
        assert said not in caplog.text


def test_each_changed_quarter_of_what_is_sealed_is_refused(units: Units) -> None:
    sealed = units.seal(b"the master key")
    for at in range(2, len(sealed) - 4, len(sealed) // 8):
        changed = bytearray(sealed)
        changed[at] = ord("A") if changed[at] != ord("A") else ord("B")
        with pytest.raises(KernelError, match="refuses to decrypt") as raised:
            units.unseal(bytes(changed))
        assert sealed.decode()[:30] not in str(raised.value)


def test_another_machines_seal_is_refused_and_its_vault_opens_by_password(
    units: Units, tmp_path: Path
) -> None:
    vault = Vault(tmp_path / "secrets.d", units, quick)
    vault.write("wg-home", b"a private key")
    vault.set_recovery("correct horse battery")
    assert vault.status().protection in ("the host key, on the same disk", "the TPM and the host key")
    assert Vault(tmp_path / "secrets.d", units, quick).read("wg-home") == b"a private key"
    HOST_KEY.unlink()
    moved = Vault(tmp_path / "secrets.d", units, quick)
    assert moved.status().state == "locked"
    moved.unlock("correct horse battery")
    assert Vault(tmp_path / "secrets.d", units, quick).read("wg-home") == b"a private key"


def test_without_the_service_it_is_said(tmp_path: Path, units: Units, credentials: Credentials) -> None:
    credentials.close()
    credentials.path.unlink()
    with pytest.raises(KernelError, match="credential service does not answer"):
        units.seal(b"the master key")
