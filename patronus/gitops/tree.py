# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration's files out of a commit: regular files of a folder, bounded, as text."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import PurePosixPath

from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import BaseRepo

from patronus.gitops.trouble import Unacceptable

SUFFIXES = (".yaml", ".toml", ".json")
MOST_FILES = 200
MOST_ENTRIES = 5000
"""Entries of all folders together that are looked at."""
LARGEST_TOTAL = 4 << 20
"""Bytes of all files together."""
DEEPEST = 4


def files_of(repository: BaseRepo, commit: Commit, folder: str | None) -> dict[str, str]:
    """Return file → text of the configuration in a commit; other files than configuration are passed over.

    Raises Unacceptable: no such folder, a link or a module in a file's place, too much, no text.
    """
    tree = _folder(repository, _tree(repository, commit.tree, "the commit"), folder)
    found: dict[str, str] = {}
    left = LARGEST_TOTAL
    for name, mode, sha in _entries(repository, tree, PurePosixPath(), [MOST_ENTRIES]):
        if not stat.S_ISREG(mode):
            raise Unacceptable(f"{name} is no regular file")
        if len(found) == MOST_FILES:
            raise Unacceptable(f"it has more than {MOST_FILES} files")
        data = _blob(repository, sha, name)
        left -= len(data)
        if left < 0:
            raise Unacceptable(f"its files have more than {LARGEST_TOTAL} bytes")
        try:
            found[name] = data.decode()
        except UnicodeDecodeError as error:
            raise Unacceptable(f"{name} is not UTF-8: byte {error.start}") from error
    if not found:
        raise Unacceptable(f"{folder or 'its top folder'} holds no configuration")
    return found


def _folder(repository: BaseRepo, tree: Tree, folder: str | None) -> Tree:
    for part in PurePosixPath(folder or "").parts:
        try:
            mode, sha = tree[part.encode()]
        except KeyError:
            raise Unacceptable(f"it has no folder {folder}") from None
        if not stat.S_ISDIR(mode):
            raise Unacceptable(f"{folder} is no folder")
        tree = _tree(repository, sha, str(folder))
    return tree


def _entries(
    repository: BaseRepo, tree: Tree, at: PurePosixPath, left: list[int]
) -> Iterator[tuple[str, int, bytes]]:
    """Yield path, mode and hash of the configuration's files below a folder, hidden names left out."""
    for entry in tree.iteritems():
        left[0] -= 1
        if left[0] < 0:
            raise Unacceptable(f"it has more than {MOST_ENTRIES} files and folders")
        name = entry.path.decode(errors="replace")
        if name.startswith(".") or not name.isprintable():
            continue
        if stat.S_ISDIR(entry.mode):
            if len(at.parts) < DEEPEST:
                yield from _entries(repository, _tree(repository, entry.sha, str(at / name)), at / name, left)
        elif name.endswith(SUFFIXES):
            yield str(at / name), entry.mode, entry.sha


def _tree(repository: BaseRepo, sha: bytes, name: str) -> Tree:
    found = repository[sha]
    if not isinstance(found, Tree):
        raise Unacceptable(f"{name} is no folder")
    return found


def _blob(repository: BaseRepo, sha: bytes, name: str) -> bytes:
    found = repository[sha]
    if not isinstance(found, Blob):
        raise Unacceptable(f"{name} is no file")
    return bytes(found.data)
