# SPDX-License-Identifier: GPL-2.0-or-later
"""What a backup holds, which cards its roles get, and what becomes of secrets that a restore replaced."""

from __future__ import annotations

import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronus.core.errors import InvalidRequest
from patronus.core.files import Disk
from patronus.core.link import Nic
from patronus.daemon.backup.contents import LARGEST, Contents, as_base64, pack, unpack
from patronus.daemon.backup.mapping import mapped, roles
from patronus.daemon.backup.undo import Undo
from patronus.secrets.vault import Vault
from tests.unit.core.test_power_cut import Lost, PowerCut
from tests.unit.secrets.test_vault import Device, quick

TEXT = """interfaces:
  - id: lan   # downstairs
    match: {mac: "52:54:00:00:00:02", path: "pci-0000:00:02.0"}
    zone: lan
  - {id: wan, match: {mac: "52:54:00:00:00:01"}, zone: wan}
  - {id: guest, vlan: {parent: lan, tag: 30}, zone: guest}
"""
FILES = {"network/interfaces.yaml": TEXT}
HOME = [Nic("eth0", "52:54:00:00:00:02", "pci-0000:00:02.0"), Nic("eth1", "52:54:00:00:00:01")]
ELSEWHERE = [Nic("eno1", "aa:00:00:00:00:01", "pci-0000:01:00.0"), Nic("eno2", "aa:00:00:00:00:02")]


def contents(**given: Any) -> Contents:
    made = {
        "hostname": "attic", "time": 1.8e9, "image_version": "1", "schema_version": 1, "files": FILES,
        "secrets": as_base64({"wg-home": b"\0key"}), "leases": [{"address": "192.168.1.100"}],
    }  # fmt: skip
    return Contents(**{**made, **given})


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=60)), st.binary(max_size=60))
def test_what_is_packed_comes_out(files: dict[str, str], secret: bytes) -> None:
    made = contents(files=files, secrets=as_base64({"a": secret}))
    assert unpack(pack(made)) == made and made.values() == {"a": secret}


def test_it_says_where_it_is_from_and_has_a_harmless_name() -> None:
    assert contents().origin() == "attic, 2027-01-15 08:00 UTC"
    assert contents(hostname="../x").file_name() == "x-20270115-0800.patronus-backup"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not whole"),
        (b"not zlib", "cannot be read"),
        (zlib.compress(b"[]"), "not as it should be"),
        (zlib.compress(b'{"hostname": 1}'), "files, hostname"),
        (zlib.compress(bytes(LARGEST + 1)), "not whole, or larger"),
        (pack(contents())[:-9], "not whole"),
    ],
)
def test_content_that_is_none_is_refused_without_filling_the_memory(data: bytes, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        unpack(data)


def test_at_home_every_role_has_its_card() -> None:
    assert [(role.id, role.nic) for role in roles(FILES, HOME)] == [("lan", "eth0"), ("wan", "eth1")]
    assert mapped(FILES, HOME, {}) == FILES


def test_elsewhere_the_roles_ask_for_cards_and_get_them_by_name_or_mac() -> None:
    with pytest.raises(InvalidRequest, match=r"lan \(was 52:54:00:00:00:02\), wan .*as in lan=eno1.*eno2"):
        mapped(FILES, ELSEWHERE, {})
    with pytest.raises(InvalidRequest, match=r"card of its own here: wan "):
        mapped(FILES, ELSEWHERE, {"lan": "eno1"})
    found = mapped(FILES, ELSEWHERE, {"lan": "eno1", "wan": "AA:00:00:00:00:02"})
    assert [(role.id, role.nic) for role in roles(found, ELSEWHERE)] == [("lan", "eno1"), ("wan", "eno2")]
    text = found["network/interfaces.yaml"]
    assert "# downstairs" in text and "pci-0000:01:00.0" in text and "52:54" not in text
    assert "guest, vlan: {parent: lan, tag: 30}" in text


def test_a_role_can_be_left_without_a_card_by_saying_so() -> None:
    found = mapped(FILES, ELSEWHERE, {"lan": "eno1", "wan": "none"})
    assert [(role.id, role.nic) for role in roles(found, ELSEWHERE)] == [("lan", "eno1"), ("wan", None)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dmz": "eno1"}, "no role dmz; it has lan, wan"),
        ({"guest": "eno1"}, "no role guest"),
        ({"lan": "eth9"}, "eth9 is no network card of this router; it has eno1"),
        ({"lan": "eno1", "wan": "eno1"}, "no network card of its own here: lan .*, wan"),
    ],
)
def test_a_card_or_role_that_does_not_exist_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        mapped(FILES, ELSEWHERE, given)


@pytest.mark.parametrize("text", ["interfaces: [{id: lan}]\n", "interfaces: 7\n"])
def test_a_file_with_mistakes_is_left_to_the_check_that_names_them(text: str) -> None:
    assert mapped({"network/interfaces.yaml": text}, HOME, {}) == {"network/interfaces.yaml": text}
    assert mapped({}, HOME, {}) == {}


OLD = {"kept": b"old", "gone": b"x"}
NEW = {"kept": b"new", "added": b"y"}


def vault_at(folder: Path, device: Device, disk: Disk | None = None) -> Vault:
    return Vault(folder, device, quick, disk)


def values(vault: Vault) -> dict[str, bytes]:
    return {name: vault.read(name) for name in vault.names()}


def restore(vault: Vault) -> None:
    """Do with the secrets what a restore on generation 7 does before its change."""
    Undo(vault).keep(NEW, 7)
    for name, value in NEW.items():
        vault.write(name, value)


@pytest.mark.parametrize(
    ("running", "waiting", "wanted"),
    [(7, False, OLD), (6, False, OLD), (8, False, {**OLD, **NEW}), (8, True, None)],
)
def test_the_running_generation_decides(
    tmp_path: Path, running: int, waiting: bool, wanted: dict[str, bytes] | None
) -> None:
    device = Device()
    vault = vault_at(tmp_path / "secrets.d", device)
    for name, value in OLD.items():
        vault.write(name, value)
    restore(vault)
    before = values(vault)
    back = Undo(vault_at(tmp_path / "secrets.d", device)).settle(running, waiting=waiting)
    assert back is (wanted == OLD)
    assert values(vault) == (before if wanted is None else wanted)


@pytest.mark.parametrize("forgets", [False, True], ids=["all-written", "unsynced-lost"])
def test_wherever_the_power_fails_the_next_start_has_the_old_secrets_whole(
    tmp_path: Path, forgets: bool
) -> None:
    device, measured = Device(), Lost()
    for name, value in OLD.items():
        vault_at(tmp_path / "measured", device).write(name, value)
    restore(vault_at(tmp_path / "measured", device, measured))
    assert measured.count >= 12
    for at in range(measured.count + 1):
        folder, disk = tmp_path / f"cut-{at}", Lost()
        for name, value in OLD.items():
            vault_at(folder, device).write(name, value)
        disk.at = at
        with suppress(PowerCut):
            restore(vault_at(folder, device, disk))
        if forgets:
            disk.forget()
        Undo(vault_at(folder, device)).settle(7, waiting=False)
        assert values(vault_at(folder, device)) == OLD, at
