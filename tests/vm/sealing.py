# SPDX-License-Identifier: GPL-2.0-or-later
"""A router with a TPM: the vault as it says it is, and what a TPM is told of other systems."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.vm.lab import Lab
from tests.vm.updating import LOOK_S

SEALED = "the TPM, a signed boot and the host key"
NAME = "wg-home"
PCR_11 = "/sys/class/tpm/tpm0/pcr-sha256/11"
UNSEAL = "systemd-creds decrypt --name=patronus.master-key /etc/patronus/secrets.d/master.sealed - >/dev/null"
_EXTEND = "/usr/lib/systemd/systemd-pcrextend --pcr="
OTHER_FIRMWARE = f"{_EXTEND}7 dbx"
"""What a change of the firmware's keys, or of what they refuse, is to the TPM."""
STRANGER = f"{_EXTEND}11 stranger"
"""What another system is to it: something measured that nobody has signed."""
_LATE = "journalctl -b -k --grep 'tpm0: Operation Timed out'"
"""What the kernel says where swtpm did not get the processor in time: its limit is 0.75 s."""


def with_tpm(lab: Lab, memory: Path) -> None:
    """Switch the router on with a TPM whose memory is this folder; it was off."""
    lab.restart(machine=replace(lab.vm.machine, tpm=memory))


def say(lab: Lab, verb: str, *, given: str = "") -> str:
    """Give a command of the vault what it asks for."""
    lab.guest.copy_to(f"{given}\n".encode(), "/run/given", mode="0600")
    return lab.guest.succeed(f"patronus --json secret {verb} </run/given", timeout_s=LOOK_S)


def store(lab: Lab) -> None:
    """Give the vault something to keep, and seal it with the TPM: one that is older than that is not."""
    say(lab, f"set {NAME}", given="a private key")
    say(lab, "rotate")


def is_open(lab: Lab) -> bool:
    """Return whether the vault opened by itself with all that it holds; it says what it is sealed with."""
    found: dict[str, Any] = json.loads(say(lab, "status"))
    assert (found["protection"], found["tpm"], found["damaged"]) == (SEALED, True, [])
    return bool(found["state"] == "open")


def opens(lab: Lab, why: str) -> None:
    """The vault opens by itself; given up where swtpm was late, and the TPM knows too little of this boot."""
    if not is_open(lab):
        if lab.guest.execute(_LATE).code == 0:
            pytest.skip(
                "swtpm did not get the processor within the kernel's limit: this boot was not measured"
            )
        pytest.fail(f"the vault is locked: {why}")


def restart_daemon(lab: Lab) -> None:
    """Let patronusd begin anew: it keeps nothing that it does not unseal."""
    lab.guest.succeed("systemctl restart patronusd.service", timeout_s=LOOK_S)
    lab.wait_started()


def opens_for_what_is_signed_alone(lab: Lab) -> None:
    """The vault opens for the system that was signed, with other firmware too, and not for another system."""
    store(lab)
    restart_daemon(lab)
    opens(lab, "this system is signed")
    said = json.loads(json.loads(lab.guest.succeed("patronus --json attest", timeout_s=LOOK_S))["statement"])
    assert said["tpm"]
    assert said["measured"] == lab.guest.succeed(f"cat {PCR_11}").strip().lower()
    lab.guest.succeed(OTHER_FIRMWARE)
    restart_daemon(lab)
    opens(lab, "the firmware's keys are not what it is sealed to")
    lab.guest.succeed(STRANGER)
    restart_daemon(lab)
    assert not is_open(lab)
    lab.guest.succeed("nft list table inet patronus")
    assert "patronus secret unlock" in lab.guest.succeed("patronus status", timeout_s=LOOK_S)
