# SPDX-License-Identifier: GPL-2.0-or-later
"""A release as its signed sums list it: the files that a slot is made of, and what it asks. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ConfigDict, Field, ValidationError

from patronus.core.errors import InvalidRequest
from patronus.core.late import Late
from patronus.core.values import message_of
from patronus.update.version import rank

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.gpg"
SUMS_LIMIT = 64 * 1024
"""Bytes of the sums and of a description that are read at most: a source may send anything."""
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9][A-Za-z0-9._-]{0,199})")
_NAMES = {
    "verity": re.compile(r"patronus_([0-9.]+)_[0-9a-f]{32}\.verity\.gz"),
    "root": re.compile(r"patronus_([0-9.]+)_[0-9a-f]{32}\.root\.gz"),
    "uki": re.compile(r"patronus_([0-9.]+)\.efi"),
    "description": re.compile(r"patronus_([0-9.]+)\.release\.json"),
}
"""What systemd-sysupdate looks for (``/usr/lib/sysupdate.d``), and our own description."""


class Part(Late):
    """One partition as it lies on the device: how many bytes, and their hash."""

    model_config = ConfigDict(frozen=True)
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern="[0-9a-f]{64}")


class Description(Late):
    """What a release says of itself: ``patronus_VERSION.release.json``; unknown keys are passed over.

    It reads configurations of the format ``schema_from`` up to ``schema_version``; ``uki`` is in bytes.
    """

    model_config = ConfigDict(frozen=True)
    version: str
    profile: str
    schema_version: int
    schema_from: int
    uki: int = Field(gt=0)
    root: Part
    verity: Part


@dataclass(frozen=True)
class File:
    """One file of a release and the sum that was signed."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Release:
    """A version and its files by kind: verity, root, uki, description; ``missing`` kinds make it useless."""

    version: str
    files: Mapping[str, File]

    @property
    def missing(self) -> list[str]:
        """Return the kinds of files that the sums do not list."""
        return [kind for kind in _NAMES if kind not in self.files]


def releases(sums: str) -> list[Release]:
    """Return the releases that the sums list, the newest first. Raises InvalidRequest for other texts."""
    found: dict[str, dict[str, File]] = {}
    for number, line in enumerate(sums.splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise InvalidRequest(f"{SUMS}:{number}: this is no sum of a file")
        digest, name = match.groups()
        for kind, pattern in _NAMES.items():
            if (named := pattern.fullmatch(name)) and _is_rankable(named[1]):
                found.setdefault(named[1], {})[kind] = File(name, digest)
    ordered = sorted(found, key=rank, reverse=True)
    return [Release(version, found[version]) for version in ordered]


def _is_rankable(version: str) -> bool:
    try:
        rank(version)
    except ValueError:
        return False
    return True


def describe(text: bytes, version: str) -> Description:
    """Return what a release says of itself. Raises InvalidRequest where that is no sense."""
    try:
        said = Description.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"patronus_{version}.release.json: {where}: {message_of(first)}") from error
    if said.version != version:
        raise InvalidRequest(f"patronus_{version}.release.json describes version {said.version}")
    return said
