# SPDX-License-Identifier: GPL-2.0-or-later
"""Binds the master key to this device, by systemd's credential service (systemd-creds(1)).

It seals with the TPM and the host key where there is a TPM, else with the host key alone. Root alone may ask
for it without being asked back, so the units helper does. The name is fixed: no other credential of the
machine is opened this way.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

from patronus.core.errors import KernelError, Unavailable
from patronus.kernel.exchange import exchange

SOCKET = Path("/run/systemd/io.systemd.Credentials")
NAME = "patronus.master-key"
TPM = Path("sys/class/tpm/tpm0")
TIME_S = 60.0
"""A TPM may take seconds; the helper's caller waits longer than this."""


def has_tpm(root: Path = Path("/")) -> bool:
    """Return whether this machine has a TPM 2.0, which systemd seals with; older ones it passes over."""
    try:
        return (root / TPM / "tpm_version_major").read_text().strip() == "2"
    except OSError:
        return False


def encrypt(data: bytes, socket: Path = SOCKET) -> str:
    """Return the sealed data in base64. Raises KernelError, Unavailable; neither shows the data."""
    return str(_call(socket, "Encrypt", "blob", name=NAME, data=base64.b64encode(data).decode()))


def decrypt(sealed: str, socket: Path = SOCKET) -> bytes:
    """Return what was sealed. Raises KernelError where this device cannot open it, Unavailable."""
    try:
        return base64.b64decode(_call(socket, "Decrypt", "data", name=NAME, blob=sealed), validate=True)
    except binascii.Error as error:
        raise KernelError("systemd's credential service answers what is not base64") from error


def _call(socket: Path, method: str, wanted: str, **parameters: Any) -> Any:
    request = {"method": f"io.systemd.Credentials.{method}", "parameters": parameters}
    try:
        reply = exchange(socket, request, TIME_S)
    except Unavailable as error:
        raise KernelError(f"systemd's credential service does not answer: {error}") from error
    given = reply.get("parameters") or {}
    if "error" in reply or wanted not in given:
        number = f" (errno {given['errno']})" if isinstance(given.get("errno"), int) else ""
        raise KernelError(
            f"systemd-creds refuses to {method.lower()}: {reply.get('error', 'no answer')}{number}"
        )
    return given[wanted]
