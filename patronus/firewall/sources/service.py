# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds the addresses of aliases: in lists that were brought in, in files of the router, by names."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from patronus.core.errors import InvalidRequest, PatronusError, StorageError
from patronus.core.files import open_file
from patronus.firewall.addresses import AddressSet, merged
from patronus.firewall.countries import LARGEST as LARGEST_COUNTRIES
from patronus.firewall.countries import read_countries
from patronus.firewall.model.alias import COUNTRIES_FILE, Alias
from patronus.firewall.names.service import HostNames
from patronus.firewall.sources import CONTENT
from patronus.lists.content import LARGEST, addresses
from patronus.lists.folder import Folder
from patronus.lists.wanted import key_of

log = logging.getLogger(__name__)

Mark = tuple[int, int, int]
"""Inode, size and time of a file: another one means that its content may be another."""
GONE: Mark = (0, 0, 0)


@dataclass(frozen=True)
class _Key:
    """Which alias a file was read for; only the addresses of ``countries``, where there are some."""

    alias: str
    path: Path
    countries: tuple[str, ...] = ()


@dataclass
class _Read:
    """A file as it was read last. ``addresses`` are the last good ones."""

    mark: Mark
    addresses: AddressSet
    fault: str | None


class FoundSources:
    """What aliases hold: by files, and by names."""

    def __init__(self, files: SourceFiles, names: HostNames) -> None:
        self.files = files
        self.names = names

    def addresses(self, alias: Alias) -> AddressSet:
        """Return what the alias holds now."""
        return self.names.addresses(alias.names, alias.id) if alias.names else self.files.addresses(alias)

    def fault(self, alias: Alias) -> str | None:
        """Return why it holds nothing, or not what it should."""
        return self.names.fault(alias.names) if alias.names else self.files.fault(alias)


class SourceFiles:
    """What aliases hold, by files. ``brought`` are the lists of others, ``own`` the folder of this router's.

    A file that cannot be read any more leaves what it held; it is said as its fault. Any
    thread may ask.
    """

    def __init__(self, brought: Folder, own: Path) -> None:
        self._brought = brought
        self._own = own
        self._read: dict[_Key, _Read] = {}
        self._lock = threading.Lock()

    def addresses(self, alias: Alias) -> AddressSet:
        """Return what the alias holds now; the same object as long as that has not changed."""
        return self._of(alias).addresses

    def fault(self, alias: Alias) -> str | None:
        """Return why it holds nothing, or not what it should."""
        return self._of(alias).fault

    def keep(self, aliases: Iterable[Alias]) -> None:
        """Forget what was read for other aliases than these."""
        kept = {self._key(alias) for alias in aliases}
        with self._lock:
            self._read = {key: found for key, found in self._read.items() if key in kept}

    def _of(self, alias: Alias) -> _Read:
        key = self._key(alias)
        with self._lock:
            mark, before = _mark(key.path), self._read.get(key)
            if before is None or before.mark != mark:
                held = before.addresses if before else AddressSet(alias=alias.id, lives=True)
                self._read[key] = _again(key, mark, held, brought=key.path.parent == self._brought.path)
            return self._read[key]

    def _key(self, alias: Alias) -> _Key:
        return _Key(alias.id, self._path(alias), alias.countries or ())

    def _path(self, alias: Alias) -> Path:
        source = alias.list_
        if source is None:
            return self._own / COUNTRIES_FILE
        if source.url is not None:
            return self._brought.list(key_of(source.url, CONTENT))
        return self._own / str(source.file)


def _again(key: _Key, mark: Mark, held: AddressSet, *, brought: bool) -> _Read:
    """Read a file; where that fails, what was read before stays."""
    try:
        return _Read(mark, _read_file(key, mark), None)
    except PatronusError as error:
        fault = "the list has not been brought in yet" if brought and mark == GONE else str(error)
        log.warning("the alias %s: %s", key.alias, fault)
        return _Read(mark, held, fault)


def _read_file(key: _Key, mark: Mark) -> AddressSet:
    """Return what a file holds. Raises InvalidRequest where that is no list, StorageError."""
    largest = LARGEST_COUNTRIES if key.countries else LARGEST[CONTENT]
    if mark == GONE:
        raise StorageError(f"{key.path} is not there")
    if mark[1] > largest:
        raise InvalidRequest(f"{key.path.name} has more than {largest >> 20} MiB")
    try:
        with open_file(key.path) as file:
            if key.countries:
                return _of_countries(TextIOWrapper(file, "ascii", errors="replace"), key)
            found = addresses(file.read(largest)).found
            return AddressSet(merged(found[4]), merged(found[6]), key.alias, lives=True)
    except OSError as error:
        raise StorageError(f"{key.path} cannot be read: {error.strerror}") from error


def _of_countries(lines: Iterable[str], key: _Key) -> AddressSet:
    found = read_countries(lines, key.countries, key.alias)
    if not found.versions:
        raise InvalidRequest(f"{key.path.name} has no address of {', '.join(key.countries)}")
    return found


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except OSError:
        return GONE
    return found.st_ino, found.st_size, found.st_mtime_ns
