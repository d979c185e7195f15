# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs of the vault. Pure: each hands its parameters on. None of them returns a secret."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from patronus.core.control import Control
from patronus.core.errors import Conflict, InvalidRequest
from patronus.core.problem import render_path
from patronus.core.secret import Named as Place
from patronus.core.secret import SecretName, named_secrets
from patronus.core.verb import SECRET, Caller, Done, Nothing, Parameters, Result, Role, Secret, Verb

if TYPE_CHECKING:
    from patronus.secrets.vault import Vault

LONGEST_TEXT = 90_000
"""Characters: 64 KiB in base64 and a little."""


class Named(Parameters):
    """Names a secret."""

    name: SecretName


class SetSecret(Parameters):
    """A secret to keep."""

    name: SecretName
    secret: Annotated[str, Field(max_length=LONGEST_TEXT, json_schema_extra={**SECRET})]
    encoding: Literal["text", "base64"] = Field(default="text", description="how `secret` is written")


class RecoveryPassword(Parameters):
    """The recovery password."""

    password: Secret = Field(description="at least 10 characters; keep it somewhere else")


class Rotation(Parameters):
    """What an exchange of the master key needs."""

    password: str | None = Field(
        default=None,
        max_length=1024,
        json_schema_extra={**SECRET},
        description="the recovery password, where one is set",
    )


class SecretInfo(Result):
    """A secret without its value."""

    name: str
    used_by: list[str] = Field(description="where the running configuration names it")
    damaged: bool = Field(description="whether its file was changed or cut, so that it cannot be read")


class SecretList(Result):
    """The secrets that people gave, and those that the configuration names and nobody gave."""

    secrets: list[SecretInfo]
    missing: list[SecretInfo]


class VaultState(Result):
    """How the vault is."""

    state: Literal["empty", "open", "locked"]
    reason: str | None = Field(description="why it is locked")
    protection: str | None = Field(description="what the master key is sealed with")
    tpm: bool = Field(description="whether this machine has a TPM 2.0 to seal with")
    recovery: bool = Field(description="whether a recovery password is set")
    rotating: bool = Field(description="whether an exchange of the master key was broken off")
    damaged: list[str] = Field(description="names of all secrets that cannot be read")


class Rotated(Result):
    """How many secrets are under the new master key."""

    secrets: int


class SetAside(Result):
    """Where the secrets lie that could not be opened."""

    folder: str


class VaultVerbs:
    """The verbs' handlers. ``tpm``: whether this machine has one."""

    def __init__(self, vault: Vault, control: Control, *, tpm: bool) -> None:
        self._vault = vault
        self._tpm = tpm
        self._control = control

    def list(self, caller: Caller, given: Nothing) -> SecretList:  # noqa: ARG002
        """List the secrets by name, and where the configuration names them; values are never shown."""
        places = named_secrets(self._control.config)
        names = [name for name in self._vault.names() if belongs_to_configuration(name)]
        damaged = self._vault.status().damaged
        missing = sorted({place.name for place in places}.difference(names))
        return SecretList(
            secrets=[_info(name, places, damaged=name in damaged) for name in names],
            missing=[_info(name, places) for name in missing],
        )

    def held(self, given: SetSecret | Named) -> dict[str, Any]:
        """Return whether there is such a secret; its value is nobody's business."""
        return {"held": True} if given.name in self._vault.names() else {}

    def set(self, caller: Caller, given: SetSecret) -> Done:  # noqa: ARG002
        """Store a secret for the configuration to name; what uses it takes the new one at once."""
        self._vault.write(given.name, _value(given))
        self._refresh(given.name)
        return Done()

    def delete(self, caller: Caller, given: Named) -> Done:  # noqa: ARG002
        """Delete a secret that the running configuration does not name."""
        if used := _used_by(given.name, named_secrets(self._control.config)):
            raise Conflict(f"the secret {given.name} is used by {', '.join(used)}")
        self._vault.delete(given.name)
        return Done()

    def status(self, caller: Caller, given: Nothing) -> VaultState:  # noqa: ARG002
        """Tell whether the vault is open, what protects it, and which secrets are damaged."""
        found = self._vault.status()
        return VaultState(**{**vars(found), "damaged": [*found.damaged]}, tpm=self._tpm)

    def rotate(self, caller: Caller, given: Rotation) -> Rotated:  # noqa: ARG002
        """Exchange the master key and encrypt every secret anew; a power cut at any point loses none."""
        return Rotated(secrets=self._vault.rotate(given.password))

    def unlock(self, caller: Caller, given: RecoveryPassword) -> Done:  # noqa: ARG002
        """Open the vault on a device that cannot open it by itself, and seal it to this device."""
        try:
            self._vault.unlock(given.password)
        finally:
            self._refresh_all()
        return Done()

    def set_recovery(self, caller: Caller, given: RecoveryPassword) -> Done:  # noqa: ARG002
        """Set the password that opens the vault where the device cannot; the one before it is void."""
        self._vault.set_recovery(given.password)
        return Done()

    def start_over(self, caller: Caller, given: Nothing) -> SetAside:  # noqa: ARG002
        """Set secrets aside that nobody can open any more, and begin with an empty vault."""
        return SetAside(folder=str(self._vault.start_over()))

    def _refresh(self, name: str) -> None:
        if _used_by(name, named_secrets(self._control.config)):
            self._control.refresh(f"the secret {name} was given")

    def _refresh_all(self) -> None:
        if named_secrets(self._control.config) and self._vault.status().state == "open":
            self._control.refresh("the vault was unlocked")


def verbs(vault: Vault, control: Control, *, tpm: bool) -> list[Verb[Any, Any]]:
    """Return the verbs of the vault on a machine with or without a TPM."""
    do = VaultVerbs(vault, control, tpm=tpm)
    operator, admin = Role.OPERATOR, Role.ADMIN
    one, recovery, again = "/secrets/{name}", "PUT /vault/recovery-password", "POST /vault/start-over"
    return [
        Verb("secrets.List", Nothing, SecretList, do.list, operator, "GET /secrets"),
        Verb("secrets.Set", SetSecret, Done, do.set, admin, f"PUT {one}", changes=True, subject=do.held),
        Verb("secrets.Delete", Named, Done, do.delete, admin, f"DELETE {one}", changes=True, subject=do.held),
        Verb("secrets.Status", Nothing, VaultState, do.status, operator, "GET /vault"),
        Verb("secrets.Rotate", Rotation, Rotated, do.rotate, admin, "POST /vault/rotate", changes=True),
        Verb("secrets.Unlock", RecoveryPassword, Done, do.unlock, admin, "POST /vault/unlock", changes=True),
        Verb(
            "secrets.SetRecoveryPassword", RecoveryPassword, Done, do.set_recovery, admin, recovery,
            changes=True, reserved=True,
        ),
        Verb("secrets.StartOver", Nothing, SetAside, do.start_over, admin, again, changes=True),
    ]  # fmt: skip


def belongs_to_configuration(name: str) -> bool:
    """Return whether a person gave the secret, for the configuration to name."""
    return "." not in name


def _used_by(name: str, places: list[Place]) -> list[str]:
    return [f"{place.path[0]} {render_path(place.path)}" for place in places if place.name == name]


def _info(name: str, places: list[Place], *, damaged: bool = False) -> SecretInfo:
    return SecretInfo(name=name, used_by=_used_by(name, places), damaged=damaged)


def _value(given: SetSecret) -> bytes:
    if given.encoding == "text":
        return given.secret.encode()
    try:
        return base64.b64decode(given.secret, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("secret: not base64") from None
