# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the files in which the addresses of aliases lie: lists that were brought in, and the router's own."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from patronus.core.errors import InvalidRequest, PatronusError, StorageError
from patronus.firewall.addresses import AddressSet, merged
from patronus.firewall.model.alias import AddressList, Alias
from patronus.firewall.sources import CONTENT
from patronus.lists.content import LARGEST, addresses
from patronus.lists.folder import Folder
from patronus.lists.wanted import key_of

log = logging.getLogger(__name__)

Mark = tuple[int, int, int]
"""Inode, size and time of a file: another one means that its content may be another."""
GONE: Mark = (0, 0, 0)


@dataclass
class _Read:
    """A file as it was read last. ``addresses`` are the last good ones."""

    mark: Mark
    addresses: AddressSet
    fault: str | None


class SourceFiles:
    """What aliases hold, by files. ``brought`` are the lists of others, ``own`` the folder of this router's.

    A file that cannot be read any more leaves what it held; it is said as its fault. One caller at a time.
    """

    def __init__(self, brought: Folder, own: Path) -> None:
        self._brought = brought
        self._own = own
        self._read: dict[tuple[str, str], _Read] = {}
        self._asked: set[tuple[str, str]] = set()

    def addresses(self, alias: Alias) -> AddressSet:
        """Return what the alias holds now; the same object as long as that has not changed."""
        return self._of(alias).addresses

    def fault(self, alias: Alias) -> str | None:
        """Return why it holds nothing, or not what it should."""
        return self._of(alias).fault

    def begin(self) -> None:
        """Forget what nobody has asked for since this was last called."""
        for key in self._read.keys() - self._asked:
            del self._read[key]
        self._asked = set()

    def changed(self) -> bool:
        """Return whether a file is another than when it was read."""
        return any(_mark(Path(path)) != found.mark for (_, path), found in list(self._read.items()))

    def _of(self, alias: Alias) -> _Read:
        assert alias.list_ is not None
        path = self._path(alias.list_)
        key = (alias.id, str(path))
        self._asked.add(key)
        mark, before = _mark(path), self._read.get(key)
        if before is None or before.mark != mark:
            self._read[key] = _again(alias, path, mark, before)
        return self._read[key]

    def _path(self, source: AddressList) -> Path:
        if source.url is not None:
            return self._brought.list(key_of(source.url, CONTENT))
        return self._own / str(source.file)


def _again(alias: Alias, path: Path, mark: Mark, before: _Read | None) -> _Read:
    """Read a file; where that fails, what was read before stays."""
    held = before.addresses if before else AddressSet(alias=alias.id, lives=True)
    try:
        return _Read(mark, read_list(path, mark, alias.id), None)
    except PatronusError as error:
        fault = str(error)
        if mark == GONE and alias.list_ is not None and alias.list_.url is not None:
            fault = "the list has not been brought in yet"
        log.warning("the alias %s: %s", alias.id, fault)
        return _Read(mark, held, fault)


def read_list(path: Path, mark: Mark, alias: str) -> AddressSet:
    """Return what a file holds. Raises InvalidRequest where that is no list, StorageError."""
    if mark == GONE:
        raise StorageError(f"{path} is not there")
    if mark[1] > LARGEST[CONTENT]:
        raise InvalidRequest(f"{path.name} has more than {LARGEST[CONTENT] >> 20} MiB")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    found = addresses(data).found
    return AddressSet(merged(found[4]), merged(found[6]), alias, lives=True)


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except OSError:
        return GONE
    return found.st_ino, found.st_size, found.st_mtime_ns
