# SPDX-License-Identifier: GPL-2.0-or-later
"""With a TPM the secrets open by themselves, for systems that the owner has signed, on this machine alone."""

import os
from pathlib import Path

import pytest

from tests.vm.lab import Lab
from tests.vm.sealing import opens_for_what_is_signed_alone, with_tpm

pytestmark = pytest.mark.skipif("PATRONUS_SEALING" not in os.environ, reason="in the soak")


def test_the_secrets_open_for_a_system_that_is_signed_and_for_no_other(lab: Lab, tmp_path: Path) -> None:
    lab.vm.cut_power()
    with_tpm(lab, tmp_path / "tpm")
    opens_for_what_is_signed_alone(lab)
