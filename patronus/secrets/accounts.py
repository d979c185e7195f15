# SPDX-License-Identifier: GPL-2.0-or-later
"""The durable file of the register, for its owner's eyes alone."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from patronus.core.errors import StorageError
from patronus.core.values import message_of
from patronus.secrets.register import Register

log = logging.getLogger(__name__)


class AccountStore:
    """Keeps the register in memory and on disk; what a method has returned from is on disk.

    A file that cannot be read opens nothing: ``complaint`` says what is wrong with it, and no account is
    known until root adds one or somebody sets the router up again with the code on its console. It stays
    where it is until then, and is set aside by the first change.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.complaint: str | None = None
        try:
            self.register = read_register(path)
        except StorageError as error:
            self.complaint = str(error)
            self.register = Register(set_up=True)

    def keep(self, register: Register, *, aside: str | None = None) -> None:
        """Write a register in the place of the one that is. Raises StorageError.

        ``aside`` keeps the file that was, under its name with this suffix; one that could not be read is
        always kept, as ``corrupt``.
        """
        if self.complaint is not None:
            self._set_aside("corrupt")
        elif aside is not None:
            self._set_aside(aside)
        write_private(self._path, register.model_dump(mode="json"))
        self.register, self.complaint = register, None

    def note(self, register: Register) -> None:
        """Keep what is worth keeping and must keep nobody out: a disk that takes nothing is logged."""
        try:
            self.keep(register)
        except StorageError as error:
            log.error("the accounts are newer in memory than on disk: %s", error)
            self.register = register

    def _set_aside(self, suffix: str) -> None:
        try:
            self._path.replace(self._path.with_name(f"{self._path.name}.{suffix}"))
        except FileNotFoundError:
            return
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


def read_register(path: Path) -> Register:
    """Return the register in a file, a new one where there is none. Raises StorageError, naming the file."""
    try:
        return parse_register(path.read_bytes())
    except FileNotFoundError:
        return Register()
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path} is damaged: {_in_words(error)}") from error


def parse_register(text: bytes) -> Register:
    """Return the register in a file's text. Raises ValueError (also pydantic's), RecursionError."""
    data = json.loads(text)
    if not isinstance(data, dict) or not {"accounts", "set_up"} <= data.keys():
        raise ValueError("it has not the form of an accounts file")
    if "schema_version" not in data:
        data.pop("code", None)  # the first version kept the set-up code here
    return Register.model_validate(data)


def _in_words(error: Exception) -> str:
    """Return what is wrong, without the values: hashes stand among them."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'the whole'}: {message_of(first)}"
