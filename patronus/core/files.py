# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that survive a power cut: temporary file, fsync, rename, fsync of the folder.

Impure. All of core writes through a ``Disk``, so that the tests can cut the power before any operation.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from patronus.core.errors import StorageError

FILE_MODE = 0o640
FOLDER_MODE = 0o750
DRAFTS_KEPT = 10
TEMPORARY = ".tmp"
"""Ending of a file that is being written; readers skip hidden names."""
SECRETS = "secrets.d"
"""The folder beside the configuration that is no part of it: generations, drafts and edits pass it over."""
LISTS = "lists"
"""So is this one: lists of addresses that rules name by file."""
LARGEST = 32 * 1024 * 1024
"""Bytes of a file of the configuration; more is no text that a person wrote, and is not read at all."""


class Disk:
    """The operations that change a disk, one method each; they raise OSError."""

    def create(self, path: Path, data: bytes, mode: int = FILE_MODE) -> None:
        """Write a file of our own, replacing what a crash left. Not durable before ``sync``."""
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)

    def append(self, path: Path, data: bytes, mode: int = FILE_MODE) -> None:
        """Add to the end of a file in one write. Not durable before ``sync``."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)

    def sync(self, path: Path) -> None:
        """Make a file's content, or a folder's names, durable (fsync(2))."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder its name; replaces a file."""
        old.replace(new)

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it; one that exists is fine."""
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def remove_tree(self, path: Path) -> None:
        """Remove a folder with all that is in it, if it is there."""
        if path.is_symlink() or path.exists():
            shutil.rmtree(path)


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Translate OSError to StorageError: ``what`` failed, and why."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{what}: {error.strerror or error}" + _of(error)) from error


def _of(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""


def write_durably(disk: Disk, path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Replace a file so that at any instant the old or the new content is whole. Raises StorageError."""
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    with storage_errors(f"{path.name} could not be written"):
        disk.create(temporary, data, mode)
        disk.sync(temporary)
        disk.rename(temporary, path)
        disk.sync(path.parent)


def remove_durably(disk: Disk, path: Path) -> None:
    """Remove a file for good. Raises StorageError."""
    with storage_errors(f"{path.name} could not be removed"):
        disk.remove(path)
        disk.sync(path.parent)


def names_in(root: Path) -> list[str]:
    """Return the files below a folder as ``firewall/rules.yaml``, sorted.

    Without hidden ones, backups, secrets and lists. Raises OSError for a folder that cannot be looked into:
    what is in it is not gone.
    """
    found = []
    for folder, folders, files in os.walk(root, onerror=_unless_gone):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in (SECRETS, LISTS)
        )
        at = PurePosixPath(Path(folder).relative_to(root))
        found += [str(at / name) for name in files if not name.startswith(".") and not name.endswith("~")]
    return sorted(found)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def open_file(path: Path) -> BinaryIO:
    """Open a regular file to read it: reading a pipe or a device may have no end. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return file


def read_tree(root: Path) -> dict[str, str]:
    """Return file → text of a tree; bytes that are not UTF-8 become lone surrogates. Raises StorageError."""
    with storage_errors(f"{root} could not be read"):
        return {name: _read(root / name).decode(errors="surrogateescape") for name in names_in(root)}


def _read(path: Path) -> bytes:
    with open_file(path) as file:
        found = file.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise OSError(errno.EFBIG, f"it has more than {LARGEST >> 20} MiB", str(path))
    return found


def encoded(text: str) -> bytes:
    """Return a file's bytes; the reverse of ``read_tree``."""
    return text.encode(errors="surrogateescape")


def write_tree(
    disk: Disk, root: Path, texts: Mapping[str, str], there: Mapping[str, str] | None = None
) -> None:
    """Make the files below ``root`` be these and no others; each changes whole. Raises StorageError.

    ``there`` is what was read there a moment ago; None: it is read now.
    """
    with storage_errors(f"{root} could not be written"):
        disk.make_folder(root)
        there = read_tree(root) if there is None else there
        for name, text in texts.items():
            if there.get(name) != text:
                disk.make_folder((root / name).parent)
                write_durably(disk, root / name, encoded(text))
        for name in there.keys() - texts.keys():
            remove_durably(disk, root / name)


class WorkingCopy:
    """The tree that people edit, ``/etc/patronus``, and the drafts: edits of it that were never loaded."""

    def __init__(self, root: Path, drafts: Path, disk: Disk | None = None) -> None:
        self.root = root
        self._drafts = drafts
        self._disk = disk or Disk()

    def read(self) -> dict[str, str]:
        """Return file → text. Raises StorageError."""
        return read_tree(self.root)

    def editor(self, names: Iterable[str]) -> str | None:
        """Return the owner of the file that was changed last, None where that says nothing about a person.

        The daemon's own user says nothing: an editor that writes in place keeps the owner.
        """
        newest, found = -1.0, None
        for name in names:
            try:
                seen = (self.root / name).stat()
                owner = (self.root / name).owner()
            except (OSError, KeyError):
                continue
            if seen.st_mtime > newest:
                newest, found = seen.st_mtime, None if seen.st_uid == os.getuid() else owner
        return found

    def write(self, texts: Mapping[str, str], there: Mapping[str, str] | None = None) -> None:
        """Make the tree be these files; ``there`` is what was just read. Raises StorageError."""
        write_tree(self._disk, self.root, texts, there)

    def keep_draft(self, texts: Mapping[str, str]) -> Path:
        """Keep these files in a new numbered folder and return it. Raises StorageError."""
        with storage_errors("the draft could not be kept"):
            self._disk.make_folder(self._drafts)
            taken = sorted(int(entry.name) for entry in self._drafts.iterdir() if entry.name.isdigit())
            folder = self._drafts / str(max(taken, default=0) + 1)
            write_tree(self._disk, folder, texts)
            for number in taken[: 1 - DRAFTS_KEPT]:
                self._disk.remove_tree(self._drafts / str(number))
        return folder
