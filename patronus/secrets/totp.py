# SPDX-License-Identifier: GPL-2.0-or-later
"""Codes from an authenticator app (TOTP, RFC 6238) and recovery codes. Pure: told seconds since the epoch."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

import pyotp

from patronus.secrets.code import digest, new_code

STEP_S = 30
DIGITS = 6
WINDOW = 1
"""Steps that the phone's clock may be off, before and after (RFC 6238 section 5.2)."""
RECOVERY_CODES = 10
RECOVERY_GROUPS = 4
"""80 bits: a hash of one cannot be searched for."""
ISSUER = "Patronus"


def new_secret() -> str:
    """Return a new secret, 160 random bits in base 32 (RFC 4226 section 4, R6)."""
    return pyotp.random_base32()


def address(secret: str, account: str, router: str) -> str:
    """Return the ``otpauth://`` address that an app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(f"{account}@{router}", issuer_name=ISSUER)


def is_app_code(text: str) -> bool:
    """Return whether a person typed a code of an app, right or wrong, and not a recovery code."""
    return re.fullmatch(r"[0-9]{6}", _plain(text)) is not None


def step_of(secret: str, text: str, now: float, after: int) -> int | None:
    """Return the time step whose code this is, newer than the step ``after``; None where it is none's."""
    maker = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S)
    current = int(now) // STEP_S
    found = None
    for step in range(current - WINDOW, current + WINDOW + 1):
        right = hmac.compare_digest(maker.generate_otp(step).encode(), _plain(text).encode())
        if right and step > after:
            found = step
    return found


def new_recovery_codes() -> tuple[list[str], tuple[str, ...]]:
    """Return new recovery codes as they are shown, and the hashes to keep of them."""
    texts = [new_code(RECOVERY_GROUPS) for _ in range(RECOVERY_CODES)]
    return texts, tuple(digest(text) for text in texts)


def without_code(kept: Sequence[str], text: str) -> tuple[str, ...] | None:
    """Return the hashes that remain once this recovery code is used; None where it is not among them."""
    used = digest(text)
    rest = tuple(one for one in kept if not hmac.compare_digest(one, used))
    return rest if len(rest) < len(kept) else None


def _plain(text: str) -> str:
    return "".join(text.split())
