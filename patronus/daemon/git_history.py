# SPDX-License-Identifier: GPL-2.0-or-later
"""The generations as a git repository that a person can clone: an export, rebuilt where it is lost.

Each generation is a commit with the tag ``gN``: its parent is the generation that it was made from, its
author who made it, its time the manifest's. A generation always becomes the same commit. ``main`` is what
runs. Generations hold no secrets, so it has none. dulwich writes it; a bundle carries it
(gitformat-bundle(5)).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from patronus.core.errors import NotFound, StorageError, Unavailable
from patronus.core.files import encoded
from patronus.core.generations import Generation, Generations

FILE_MODE = 0o100644
MAIN = b"refs/heads/main"
COMMITTER = b"Patronus <patronus@localhost>"


@dataclass(frozen=True)
class Export:
    """A bundle and what is in it; ``left_out`` are the generations that are not whole."""

    head: str
    generations: tuple[int, ...]
    left_out: tuple[int, ...]
    bundle: bytes


class GitHistory:
    """The repository in a folder of its own. One caller at a time."""

    def __init__(self, root: Path, generations: Generations) -> None:
        self._root = root
        self._generations = generations

    def export(self, running: int) -> Export:
        """Bring the repository up to date and return it as a bundle.

        Raises Unavailable where dulwich is not on this image, StorageError.
        """
        if find_spec("dulwich") is None:
            raise Unavailable("the history cannot be exported: dulwich is not on this image")
        from dulwich.errors import FileFormatException, NotGitRepository

        try:
            return self._exported(running)
        except (NotGitRepository, FileFormatException, KeyError, ValueError, EOFError, OSError):
            shutil.rmtree(self._root, ignore_errors=True)
        try:
            return self._exported(running)
        except OSError as error:
            raise StorageError(f"the history cannot be exported: {error.strerror or error}") from error

    def _exported(self, running: int) -> Export:
        from dulwich.repo import Repo

        if not self._root.exists():
            self._root.mkdir(parents=True)
            Repo.init_bare(str(self._root)).close()
        with Repo(str(self._root)) as repo:
            left_out = tuple(self._add_missing(repo))
            if _tag(running) not in repo.refs:
                raise StorageError(f"generation {running} is not whole, so it cannot be exported")
            head = repo.refs[_tag(running)]
            repo.refs.set_symbolic_ref(b"HEAD", MAIN)
            repo.refs[MAIN] = head
            numbers = sorted(int(name[1:]) for name in repo.refs.as_dict(b"refs/tags"))
            return Export(head.decode(), tuple(numbers), left_out, _bundle(repo, head))

    def _add_missing(self, repo: Any) -> Iterator[int]:
        """Add the generations that are not in it yet; yield those that cannot be read."""
        for number in self._generations.numbers():
            if _tag(number) in repo.refs:
                continue
            try:
                generation = self._generations.read(number)
            except (NotFound, StorageError):
                yield number
                continue
            repo.refs[_tag(number)] = _commit(repo, generation)


def _tag(number: int) -> bytes:
    return b"refs/tags/g%d" % number


def _commit(repo: Any, generation: Generation) -> bytes:
    """Write a generation's files and its commit; return the commit's name."""
    from dulwich.index import commit_tree
    from dulwich.objects import Blob, Commit

    manifest, blobs = generation.manifest, []
    for name, text in sorted(generation.texts.items()):
        blob = Blob.from_string(encoded(text))
        repo.object_store.add_object(blob)
        blobs.append((name.encode(), blob.id, FILE_MODE))
    commit = Commit()
    commit.tree = commit_tree(repo.object_store, blobs)
    parent = None if manifest.parent is None else _tag(manifest.parent)
    commit.parents = [repo.refs[parent]] if parent is not None and parent in repo.refs else []
    commit.author, commit.committer = _person(manifest.actor), COMMITTER
    commit.author_time = commit.commit_time = int(manifest.time)
    commit.author_timezone = commit.commit_timezone = 0
    commit.encoding = b"UTF-8"
    commit.message = _message(generation)
    repo.object_store.add_object(commit)
    found: bytes = commit.id
    return found


def _person(actor: str) -> bytes:
    plain = "".join(char for char in actor if char.isprintable() and char not in "<>").strip() or "nobody"
    return f"{plain} <{plain.replace(' ', '-')}@localhost>".encode()


def _message(generation: Generation) -> bytes:
    manifest = generation.manifest
    title = manifest.comment.strip() or f"generation {manifest.number}"
    trailers = f"Generation: {manifest.number}\nImage-Version: {manifest.image_version}\n"
    trailers += f"Schema-Version: {manifest.schema_version}\n"
    return f"{title}\n\n{trailers}".encode(errors="replace")


def _bundle(repo: Any, head: bytes) -> bytes:
    """Return every tag and ``main`` with all their objects as one bundle of version 2."""
    from dulwich.pack import write_pack_objects

    out = BytesIO()
    out.write(b"# v2 git bundle\n%s HEAD\n" % head)
    for name, commit in sorted(repo.refs.as_dict(b"refs").items()):
        out.write(b"%s refs/%s\n" % (commit, name))
    out.write(b"\n")
    objects = [(repo.object_store[name], None) for name in repo.object_store]
    write_pack_objects(out.write, objects)
    return out.getvalue()
