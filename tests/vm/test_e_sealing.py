# SPDX-License-Identifier: GPL-2.0-or-later
"""With a TPM the secrets open by themselves, for systems that the owner has signed, on this machine alone."""

import os
from pathlib import Path

import pytest

from tests.vm.lab import Lab
from tests.vm.sealing import UNSEAL, opens, opens_for_what_is_signed_alone, store, with_tpm
from tests.vm.terminal import answer, choose
from tests.vm.updating import LOOK_S

pytestmark = pytest.mark.skipif("PATRONUS_SEALING" not in os.environ, reason="in the soak")
PASSWORD = "correct horse battery"


@pytest.fixture
def measured(lab: Lab, tmp_path: Path) -> Lab:
    """The laboratory, its router started anew with a TPM."""
    lab.vm.cut_power()
    with_tpm(lab, tmp_path / "tpm")
    return lab


def test_the_secrets_open_for_a_system_that_is_signed_and_for_no_other(measured: Lab) -> None:
    opens_for_what_is_signed_alone(measured)


def test_the_recovery_shell_opens_no_secret(measured: Lab) -> None:
    store(measured)
    measured.guest.succeed(f"echo '{PASSWORD}' | patronus user add anna --role admin", timeout_s=LOOK_S)
    measured.guest.succeed(f"{UNSEAL} && sync", timeout_s=LOOK_S)
    choose(measured.vm, "recovery", "Password of an administrator")
    answer(measured.vm, PASSWORD, "the disk is read-only")
    assert "unsealed=1" in answer(measured.vm, f"{UNSEAL}; echo unsealed=$?; echo $((6*7))", "\n42")
    answer(measured.vm, "reboot -f")
    measured.wait_up()
    opens(measured, "the router runs as ever")
