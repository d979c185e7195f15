# SPDX-License-Identifier: GPL-2.0-or-later
"""The vault opens by itself on its device and by password elsewhere; no power cut loses a secret."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import pytest
from cryptography.fernet import Fernet, InvalidToken

from patronus.core.errors import (
    Conflict,
    InvalidRequest,
    KernelError,
    NotFound,
    NotPermitted,
    PatronusError,
    StorageError,
    Unavailable,
)
from patronus.core.files import Disk
from patronus.secrets.keys import NO_KEY
from patronus.secrets.sealed_files import LARGEST
from patronus.secrets.stretch import Stretching, stretch
from patronus.secrets.vault import Vault
from tests.unit.core.test_power_cut import Failing, Lost, PowerCut

PASSWORD = "correct horse battery"
HOST_KEY = bytes.fromhex("5a1c6a86df9d4096b1d5a65e0862f19a") + bytes(2)


class Device:
    """One machine's way to seal, with the first bytes that systemd writes."""

    def __init__(self, kind: bytes = HOST_KEY) -> None:
        self._fernet = Fernet(Fernet.generate_key())
        self._kind = kind
        self.refuses = False

    def seal(self, data: bytes) -> bytes:
        if self.refuses:
            raise KernelError("the device cannot seal")
        return base64.b64encode(self._kind) + self._fernet.encrypt(data)

    def unseal(self, sealed: bytes) -> bytes:
        try:
            return self._fernet.decrypt(sealed[24:])
        except InvalidToken:
            raise KernelError("the device cannot unseal") from None


def quick(password: str, how: Stretching) -> bytes:
    """Stretch with the salt alone: what it costs is tested elsewhere."""
    return stretch(password, Stretching(how.salt, 8, 1, 1))


@dataclass
class Router:
    """A disk and a device; ``vault()`` is what a start of the daemon makes."""

    folder: Path
    device: Device
    disk: Disk

    def vault(self) -> Vault:
        return Vault(self.folder, self.device, quick, self.disk)


@pytest.fixture
def router(tmp_path: Path) -> Router:
    return Router(tmp_path / "secrets.d", Device(), Disk())


def test_a_secret_outlives_the_daemon_and_is_nowhere_in_clear(router: Router) -> None:
    router.vault().write("wg-home", b"a private key")
    assert router.vault().read("wg-home") == b"a private key"
    for path in router.folder.iterdir():
        assert b"a private key" not in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600


def test_names_versions_and_deletion(router: Router) -> None:
    vault = router.vault()
    assert vault.names() == [] and vault.versions() == {}
    vault.write("b", b"1")
    vault.write("accounts.totp.ann", b"2")
    before = vault.versions()
    vault.write("b", b"1")
    assert vault.names() == ["accounts.totp.ann", "b"]
    assert before["b"] != vault.versions()["b"]
    assert before["accounts.totp.ann"] == vault.versions()["accounts.totp.ann"]
    vault.delete("b")
    for action in (vault.read, vault.delete):
        with pytest.raises(NotFound, match="there is no secret b"):
            action("b")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "A", "-a", "a" * 129, "ä", "a\n", "a\0"])
def test_no_name_leads_out_of_the_folder(router: Router, name: str) -> None:
    vault = router.vault()
    with pytest.raises(InvalidRequest):
        vault.write(name, b"")
    with pytest.raises(NotFound):
        vault.read(name)
    assert not list(router.folder.parent.iterdir())


def test_a_value_that_is_too_large_is_refused(router: Router) -> None:
    vault = router.vault()
    vault.write("large", bytes(LARGEST))
    with pytest.raises(InvalidRequest, match="65536"):
        vault.write("large", bytes(LARGEST + 1))
    assert len(vault.read("large")) == LARGEST


def test_one_damaged_file_is_named_and_the_others_are_read(router: Router) -> None:
    vault = router.vault()
    vault.write("good", b"1")
    vault.write("bad", b"2")
    path = router.folder / "bad.enc"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match=r"^bad\.enc "):
        vault.read("bad")
    assert vault.read("good") == b"1"
    assert vault.status().damaged == ("bad",)
    with pytest.raises(StorageError, match=r"bad\.enc"):
        vault.rotate()
    assert router.vault().read("good") == b"1"
    vault.delete("bad")
    assert vault.rotate() == 1


def test_files_of_two_secrets_cannot_be_exchanged(router: Router) -> None:
    vault = router.vault()
    vault.write("one", b"1")
    vault.write("two", b"2")
    shutil.copy(router.folder / "one.enc", router.folder / "two.enc")
    with pytest.raises(StorageError, match=r"^two\.enc "):
        vault.read("two")


def test_without_a_device_that_can_seal_nothing_is_stored(router: Router) -> None:
    router.device.refuses = True
    with pytest.raises(Unavailable, match="cannot seal"):
        router.vault().write("a", b"1")
    assert router.vault().names() == [] and router.vault().status().state == "empty"
    router.device = Device(bytes.fromhex(NO_KEY) + bytes(2))
    with pytest.raises(Unavailable, match="no key to seal with"):
        router.vault().write("a", b"1")
    router.device = Device()
    router.vault().write("a", b"1")
    assert router.vault().status().protection == "the host key, on the same disk"


def test_on_another_device_the_recovery_password_opens_it_for_good(router: Router) -> None:
    router.vault().write("a", b"1")
    router.vault().set_recovery(PASSWORD)
    router.device = Device()
    vault = router.vault()
    assert vault.notice() is None
    vault.wake()
    assert "locked" in str(vault.notice())
    assert vault.status().state == "locked" and vault.names() == ["a"]
    for action in (lambda: vault.read("a"), lambda: vault.write("b", b"2"), vault.rotate):
        with pytest.raises(Unavailable, match="locked"):
            action()
    with pytest.raises(NotPermitted):
        vault.unlock("correct horse battery!")
    with pytest.raises(Unavailable):
        vault.read("a")
    vault.unlock(PASSWORD)
    assert vault.notice() is None
    assert vault.read("a") == b"1" and router.vault().read("a") == b"1"
    with pytest.raises(Conflict):
        vault.unlock(PASSWORD)


def test_unlocking_on_a_device_that_cannot_seal_lasts_until_the_end(router: Router) -> None:
    router.vault().write("a", b"1")
    router.vault().set_recovery(PASSWORD)
    router.device = Device()
    router.device.refuses = True
    vault = router.vault()
    with pytest.raises(KernelError):
        vault.unlock(PASSWORD)
    assert vault.read("a") == b"1"
    assert router.vault().status().state == "locked"


def test_without_a_recovery_password_a_locked_vault_can_only_start_over(router: Router) -> None:
    vault = router.vault()
    vault.write("a", b"1")
    with pytest.raises(Conflict, match="not locked"):
        vault.start_over()
    home, router.device = router.device, Device()
    vault = router.vault()
    with pytest.raises(NotFound, match="no recovery password"):
        vault.unlock(PASSWORD)
    aside = vault.start_over()
    assert vault.names() == []
    vault.write("a", b"2")
    assert router.vault().read("a") == b"2"
    assert Vault(aside, home, quick).read("a") == b"1"


def test_a_weak_recovery_password_is_refused(router: Router) -> None:
    with pytest.raises(InvalidRequest, match="10 to 256"):
        router.vault().set_recovery("short")
    assert not router.vault().status().recovery


def test_while_a_recovery_password_is_stretched_the_secrets_are_read(router: Router) -> None:
    vault, begun, goes_on = router.vault(), Event(), Event()
    vault.write("wg-home", b"a private key")

    def slow(password: str, how: Stretching) -> bytes:
        begun.set()
        assert goes_on.wait(60)
        return quick(password, how)

    patient = Vault(router.folder, router.device, slow)
    setting = Thread(target=patient.set_recovery, args=(PASSWORD,))
    setting.start()
    assert begun.wait(60)
    with ThreadPoolExecutor(1) as reader:
        assert reader.submit(patient.read, "wg-home").result(60) == b"a private key"
        assert not reader.submit(patient.status).result(60).recovery
        goes_on.set()
        setting.join()
        assert reader.submit(patient.status).result(60).recovery


def test_rotation_leaves_no_trace_of_the_old_key(router: Router) -> None:
    vault = router.vault()
    for name in ("a", "b"):
        vault.write(name, name.encode())
    vault.set_recovery(PASSWORD)
    old = {path.name: path.read_bytes() for path in router.folder.iterdir()}
    with pytest.raises(InvalidRequest, match="recovery password is needed"):
        vault.rotate()
    with pytest.raises(NotPermitted):
        vault.rotate("correct horse staple")
    assert vault.rotate(PASSWORD) == 2
    assert [vault.read("a"), router.vault().read("b")] == [b"a", b"b"]
    (router.folder / "a.enc").write_bytes(old["a.enc"])
    with pytest.raises(StorageError, match=r"^a\.enc was changed"):
        vault.read("a")
    router.device = Device()
    elsewhere = router.vault()
    elsewhere.unlock(PASSWORD)
    assert elsewhere.read("b") == b"b"
    with pytest.raises(StorageError, match=r"^a\.enc "):
        elsewhere.read("a")


def test_after_close_nothing_is_read_and_the_key_is_overwritten(router: Router) -> None:
    vault = router.vault()
    vault.write("a", b"1")
    assert vault._ring is not None
    key = vault._ring.current.key
    assert any(key)
    vault.close()
    assert not any(key)
    with pytest.raises(Unavailable, match="stopping"):
        vault.read("a")


SECRETS = {"a": b"first", "b": b"second"}


def prepared(root: Path, disk: Disk, device: Device) -> Router:
    """Return a router with two secrets and a recovery password."""
    template = root.parent / "template"
    if not template.exists():
        vault = Router(template, device, Disk()).vault()
        for name, value in SECRETS.items():
            vault.write(name, value)
        vault.set_recovery(PASSWORD)
    shutil.copytree(template, root)
    return Router(root, device, disk)


def cuts(tmp_path: Path, device: Device, kind: type[Lost]) -> Iterator[tuple[Router, Lost]]:
    """Yield a router for each operation of a rotation before which the disk stops."""
    measured = Lost()
    prepared(tmp_path / "measured", measured, device).vault().rotate(PASSWORD)
    assert measured.count >= 16
    for at in range(measured.count + 1):
        disk = Lost() if kind is Lost else Failing(full=True)
        disk.at = at
        yield prepared(tmp_path / f"cut-{at}", disk, device), disk


@pytest.mark.parametrize("forgets", [False, True], ids=["all-written", "unsynced-lost"])
def test_a_rotation_that_is_cut_anywhere_loses_nothing(tmp_path: Path, forgets: bool) -> None:
    device = Device()
    for router, disk in cuts(tmp_path, device, Lost):
        with suppress(PowerCut):
            router.vault().rotate(PASSWORD)
        if forgets:
            disk.forget()
        router.disk = Disk()
        copied = Router(router.folder.with_suffix(".elsewhere"), Device(), Disk())
        shutil.copytree(router.folder, copied.folder)
        elsewhere = copied.vault()
        elsewhere.unlock(PASSWORD)
        for vault in (router.vault(), elsewhere, router.vault(), copied.vault()):
            assert {name: vault.read(name) for name in vault.names()} == SECRETS, disk.at
            assert not vault.status().rotating and not vault.status().damaged
        assert router.vault().rotate(PASSWORD) == 2


def test_a_rotation_on_a_full_disk_fails_and_loses_nothing(tmp_path: Path) -> None:
    device = Device()
    outcomes = []
    for router, disk in cuts(tmp_path, device, Failing):
        vault = router.vault()
        try:
            vault.rotate(PASSWORD)
        except PatronusError as error:
            assert isinstance(error, StorageError)
            outcomes.append(False)
        else:
            outcomes.append(True)
        assert {name: vault.read(name) for name in vault.names()} == SECRETS, disk.at
        router.disk = Disk()
        assert {name: router.vault().read(name) for name in SECRETS} == SECRETS
    assert outcomes == sorted(outcomes) and outcomes[-1] and not outcomes[0]


@pytest.mark.parametrize("forgets", [False, True], ids=["all-written", "unsynced-lost"])
def test_a_write_that_is_cut_leaves_the_old_value_or_the_new(tmp_path: Path, forgets: bool) -> None:
    device, found = Device(), []
    for at in range(6):
        disk = Lost(at)
        router = prepared(tmp_path / f"cut-{at}", disk, device)
        with suppress(PowerCut):
            router.vault().write("a", b"changed")
        if forgets:
            disk.forget()
        router.disk = Disk()
        found.append(router.vault().read("a"))
    assert found == sorted(found, key=lambda value: value == b"changed")
    assert found[0] == b"first" and found[-1] == b"changed"
