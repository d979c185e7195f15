# SPDX-License-Identifier: GPL-2.0-or-later
"""What this device says it runs, signed by its own key: for whoever looks after many, and keeps their keys.

The key lies on the device's disk: it vouches for the device against others, not against who is root on it.
"""

from __future__ import annotations

import base64
import json
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from patronus.core.audit import AuditLog
from patronus.core.verb import Caller, Parameters, Result, Verb
from patronus.daemon.machine import image_release, root_hash
from patronus.kernel.host import Host
from patronus.kernel.sealing import TPM, has_tpm
from patronus.secrets.device_key import DeviceKey

_LOCKDOWN = re.compile(r"\[(\w+)\]")
EFI = "sys/firmware/efi/efivars"
SECURE_BOOT = f"{EFI}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
ENTRY = f"{EFI}/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
ATTRIBUTES = 4
"""Bytes before the content of an EFI variable (efivarfs)."""


@dataclass(frozen=True)
class Booted:
    """How this machine was started; None where it does not say.

    ``root_hash``: dm-verity's, from the command line. ``entry``: the boot entry that systemd-boot chose.
    ``lockdown``: none, integrity or confidentiality (kernel_lockdown(7)). ``tpm``: whether there is one, and
    ``measured``: what it holds of the system that started and how far it came (PCR 11, SHA-256, in hex).
    """

    root_hash: str | None
    entry: str | None
    secure_boot: bool | None
    lockdown: str | None
    tpm: bool
    measured: str | None


def booted(root: Path = Path("/")) -> Booted:
    """Read how the machine was started."""
    lockdown = _LOCKDOWN.search(_read(root / "sys/kernel/security/lockdown").decode(errors="replace"))
    secure, entry = _read(root / SECURE_BOOT)[ATTRIBUTES:], _read(root / ENTRY)[ATTRIBUTES:]
    return Booted(
        root_hash=root_hash(root / "proc/cmdline"),
        entry=entry.decode("utf-16-le", errors="replace").rstrip("\0") or None,
        secure_boot=secure == b"\1" if secure else None,
        lockdown=lockdown[1] if lockdown else None,
        tpm=has_tpm(root),
        measured=_read(root / TPM / "pcr-sha256/11").decode(errors="replace").strip().lower() or None,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


class Attest(Parameters):
    """What the asker wants to find in the answer again."""

    nonce: str | None = Field(
        default=None,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="a text of your own, so that nobody can show you an old answer",
    )


class Attestation(Result):
    """What was signed, and by whom.

    ``statement`` is JSON: version, profile, kernel, root_hash, entry, secure_boot, lockdown, tpm, measured,
    generation, audit (number and hash of the chain's head), boot_id, time (seconds since the epoch), nonce.
    """

    statement: str = Field(description="the text that was signed, byte by byte: JSON")
    signature: str = Field(description="Ed25519, in base64")
    key: str = Field(description="the device's public key, PEM")


class AttestVerbs:
    """Makes the verb."""

    def __init__(self, host: Host, audit: AuditLog, root: Path = Path("/")) -> None:
        self._host = host
        self._audit = audit
        self._root = root
        self._key = DeviceKey(host.places.state / "secrets")

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verb."""
        return [Verb("system.Attest", Attest, Attestation, self.attest, route="GET /system/attestation")]

    def attest(self, caller: Caller, given: Attest) -> Attestation:  # noqa: ARG002
        """Say what this device runs and how it was started, signed by the device's own key."""
        release, head = image_release(), self._audit.head
        said = {
            "version": release.version,
            "profile": release.profile,
            "kernel": platform.release(),
            **vars(booted(self._root)),
            "generation": self._host.control.generation,
            "audit": {"number": head.number, "hash": head.hash},
            "boot_id": self._host.clock.boot_id,
            "time": round(self._host.clock.wall()),
            "nonce": given.nonce,
        }
        statement = json.dumps(said, sort_keys=True)
        signature = base64.b64encode(self._key.sign(statement.encode())).decode()
        return Attestation(statement=statement, signature=signature, key=self._key.public())
