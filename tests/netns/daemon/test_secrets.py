# SPDX-License-Identifier: GPL-2.0-or-later
"""Secrets in a real router: stored, rotated, locked, opened again, and never in clear anywhere."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from patronus.core.errors import NotPermitted, StorageError, Unavailable
from patronus.kernel.sealing import has_tpm
from tests.netns.daemon.machine import CHECKOUT, LONG_S, Machine
from tests.netns.daemon.terminal import at_terminal

VALUE = "cGF0cm9udXMgaXMgbm90IGEgcHJpdmF0ZSBrZXk"
PASSWORD = "correct horse battery"


def typed(machine: Machine, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``patronus`` with something piped in."""
    return subprocess.run(
        machine.command_line(*arguments), cwd=CHECKOUT, input=text, text=True, capture_output=True,
        check=False, timeout=LONG_S,
    )  # fmt: skip


def clear_text(machine: Machine, *needles: str) -> list[Path]:
    """Return every file of the router in which one of the words stands."""
    files = [path for path in machine.root.rglob("*") if path.is_file()]
    return [path for path in files if any(needle.encode() in path.read_bytes() for needle in needles)]


def test_a_secret_goes_in_by_pipe_and_never_comes_out(machine: Machine) -> None:
    done = typed(machine, VALUE + "\n", "secret", "set", "wg-home")
    assert done.returncode == 0, done.stderr
    listed = machine.patronus("--json", "secret", "list").json()
    assert listed["secrets"] == [{"name": "wg-home", "used_by": [], "damaged": False}]
    said = machine.patronus("secret", "status")
    assert "The secrets are open" in said.out and "host key" in said.out
    assert "No recovery password is set" in said.out
    typed(machine, PASSWORD + "\n", "secret", "recovery-password")
    assert "No recovery password" not in machine.patronus("secret", "status").out
    assert clear_text(machine, VALUE, PASSWORD) == []
    assert machine.places.config.joinpath("secrets.d/wg-home.enc").stat().st_mode & 0o777 == 0o600


def test_a_secret_is_typed_twice_and_never_on_the_screen(machine: Machine) -> None:
    said = at_terminal(machine, {"Secret typed": VALUE, "Repeat": VALUE}, "secret", "set", "typed")
    assert said.code == 0 and "is stored" in said.out and VALUE not in said.out, said.out
    assert machine.patronus("secret", "delete", "typed").code == 0


def test_it_is_no_part_of_the_configuration(machine: Machine) -> None:
    typed(machine, VALUE, "secret", "set", "wg-home")
    assert machine.call("config.Check") == {"problems": [], "changes": []}
    machine.call("config.Load", comment="nothing")
    assert not any("secrets" in name for name in machine.call("config.Show")["files"])
    assert machine.patronus("--json", "secret", "list").json()["secrets"]


def test_rotation_needs_the_recovery_password_and_keeps_every_secret(machine: Machine) -> None:
    typed(machine, VALUE, "secret", "set", "wg-home")
    typed(machine, PASSWORD + "\n", "secret", "recovery-password")
    before = machine.places.config.joinpath("secrets.d/wg-home.enc").read_bytes()
    with pytest.raises(NotPermitted):
        machine.call("secrets.Rotate", password="correct horse staple")
    assert machine.places.config.joinpath("secrets.d/wg-home.enc").read_bytes() == before
    done = typed(machine, PASSWORD + "\n", "secret", "rotate")
    assert "1 secrets are under a new master key" in done.stdout, done.stderr
    assert machine.places.config.joinpath("secrets.d/wg-home.enc").read_bytes() != before
    assert machine.call("secrets.Status")["damaged"] == []


def test_the_status_says_what_the_key_is_sealed_with_and_whether_there_is_a_tpm(machine: Machine) -> None:
    typed(machine, VALUE, "secret", "set", "wg-home")
    found = machine.call("secrets.Status")
    said = machine.patronus("secret", "status").out
    assert f"sealed with {found['protection']}." in said
    assert found["tpm"] is has_tpm()
    assert ("This router has no TPM" in said) is not has_tpm()
    assert json.loads(machine.call("system.Attest")["statement"])["tpm"] is has_tpm()


def test_who_is_not_an_administrator_sees_and_sets_nothing(machine: Machine) -> None:
    assert machine.patronus("secret", "list", user=65534).code == 4
    assert machine.patronus("secret", "delete", "wg-home", user=65534).code == 4


def test_a_damaged_file_is_named_and_a_lost_seal_locks_without_stopping_the_router(fresh: Machine) -> None:
    for name in ("one", "two"):
        typed(fresh, VALUE, "secret", "set", name)
    typed(fresh, PASSWORD + "\n", "secret", "recovery-password")
    folder = fresh.places.config / "secrets.d"
    whole = (folder / "two.enc").read_bytes()
    (folder / "two.enc").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "damaged: two.enc" in fresh.patronus("secret", "status").out
    with pytest.raises(StorageError, match=r"two\.enc cannot be read"):
        fresh.call("secrets.Rotate", password=PASSWORD)
    fresh.patronus("secret", "delete", "two")
    assert fresh.stop() == 0
    sealed = (folder / "master.sealed").read_bytes()
    (folder / "master.sealed").write_bytes(sealed[:40] + b"AAAA" + sealed[44:])
    fresh.start()
    assert fresh.doctor() == [] and fresh.lease()
    assert "locked" in fresh.patronus("secret", "status").out
    assert any("secrets are locked" in text for text in fresh.call("system.Status")["notices"])
    with pytest.raises(Unavailable, match="locked"):
        fresh.call("secrets.Set", name="three", secret="3")
    refused = typed(fresh, "correct horse staple\n", "secret", "unlock")
    assert refused.returncode == 4 and "wrong" in refused.stderr
    assert typed(fresh, PASSWORD + "\n", "secret", "unlock").returncode == 0
    assert fresh.call("system.Status")["notices"] == []
    assert fresh.stop() == 0
    fresh.start()
    assert fresh.call("secrets.Status")["state"] == "open"
    assert clear_text(fresh, VALUE, PASSWORD) == []
