# SPDX-License-Identifier: GPL-2.0-or-later
"""The durable file of accounts: names, roles, password hashes, and whether set-up is over for ever."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from patronus.core.errors import Conflict, NotFound, StorageError
from patronus.core.verb import Role
from patronus.secrets.setup import SetupCode


@dataclass(frozen=True)
class Account:
    """One person or program that may come in; ``password`` is an Argon2id hash."""

    name: str
    role: Role
    password: str


@dataclass(frozen=True)
class Register:
    """The whole file. ``set_up`` never becomes False again."""

    accounts: Mapping[str, Account] = field(default_factory=dict)
    set_up: bool = False
    code: SetupCode | None = None


class AccountStore:
    """Keeps the register in memory and on disk; what a method has returned from is on disk.

    A file that cannot be read opens nothing and closes nobody else's door: ``complaint`` says so, set-up
    stays over, and no account is known until root at the console adds one. The file is set aside then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.complaint: str | None = None
        try:
            self.register = _read(path)
        except StorageError as error:
            self.complaint = str(error)
            self.register = Register(set_up=True)

    def get(self, name: str) -> Account:
        """Return the account of that name. Raises NotFound."""
        try:
            return self.register.accounts[name]
        except KeyError:
            raise NotFound(f"there is no account {name!r}") from None

    def add(self, account: Account) -> None:
        """Add an account; set-up is over with the first. Raises Conflict, StorageError."""
        if account.name in self.register.accounts:
            raise Conflict(f"there is an account {account.name!r} already")
        self._keep(Register({**self.register.accounts, account.name: account}, set_up=True))

    def replace(self, account: Account) -> None:
        """Put an account in the place of the one of its name. Raises NotFound, StorageError."""
        self.get(account.name)
        self._keep(Register({**self.register.accounts, account.name: account}, set_up=True))

    def remove(self, name: str) -> None:
        """Remove an account. Raises NotFound; Conflict for the last administrator; StorageError."""
        self.get(name)
        rest = {key: account for key, account in self.register.accounts.items() if key != name}
        if not any(account.role is Role.ADMIN for account in rest.values()):
            raise Conflict("the last administrator cannot be removed")
        self._keep(Register(rest, set_up=True))

    def put_code(self, code: SetupCode) -> None:
        """Store the set-up code of this boot. Raises Conflict where set-up is over."""
        if self.register.set_up:
            raise Conflict("set-up is over")
        self._keep(Register(self.register.accounts, set_up=False, code=code))

    def _keep(self, register: Register) -> None:
        if self.complaint is not None:
            self._set_aside()
        write_private(self._path, _as_data(register))
        self.register, self.complaint = register, None

    def _set_aside(self) -> None:
        """Keep the file that could not be read. Raises StorageError."""
        try:
            self._path.replace(self._path.with_name(f"{self._path.name}.corrupt"))
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}") from error


def write_private(path: Path, data: Any, *, durable: bool = True) -> None:
    """Replace a file by JSON that its owner alone can read, whole or not at all. Raises StorageError."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, made private above
            json.dump(data, file, indent=1)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> Register:
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Register()
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise StorageError(f"{path} is not whole: {error}") from error
    return _from_data(path, data)


def _as_data(register: Register) -> dict[str, Any]:
    accounts = [
        {"name": account.name, "role": account.role.name.lower(), "password": account.password}
        for account in register.accounts.values()
    ]
    code = asdict(register.code) if register.code else None
    return {"accounts": accounts, "set_up": register.set_up, "code": code}


def _from_data(path: Path, data: Any) -> Register:
    try:
        accounts = [Account(a["name"], Role[a["role"].upper()], a["password"]) for a in data["accounts"]]
        code = SetupCode(**data["code"]) if data["code"] else None
        return Register({account.name: account for account in accounts}, bool(data["set_up"]), code)
    except (KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{path} has not the form of an accounts file: {error!r}") from error
