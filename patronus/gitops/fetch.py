# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetching a branch's newest commit into a bare clone, over https or ssh, and telling what it is."""

from __future__ import annotations

import errno
import shutil
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from dulwich.client import (
    GitClient,
    HTTPUnauthorized,
    SSHGitClient,
    Urllib3HttpGitClient,
)
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.graph import can_fast_forward
from dulwich.objects import Commit
from dulwich.repo import Repo

from patronus.gitops.programs import signer_of
from patronus.gitops.ssh import Ssh
from patronus.gitops.tree import files_of
from patronus.gitops.trouble import Unacceptable, Unreachable

LARGEST_CLONE = 256 << 20
"""Bytes of a clone, past which it is thrown away and made anew; what one fetch may write the unit limits."""
REDIRECTS = 3
"""How often a server may lead elsewhere, to https alone; never with a log-in, which the other would learn."""
CONNECT_S, READ_S = 15.0, 60.0
SHORTEST = 12


@dataclass(frozen=True)
class Source:
    """Where commits come from and what they need, as the daemon says."""

    url: str
    branch: str = "main"
    folder: str | None = None
    signers: Sequence[str] = ()
    rewind: bool = False
    known_hosts: Sequence[str] = ()
    ca: str | None = None
    applied: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Fetched:
    """The newest commit: who made it, whose good signature it has, and its files."""

    commit: str
    author: str
    time: float
    subject: str
    signer: str | None
    files: Mapping[str, str]

    def as_data(self) -> dict[str, Any]:
        """Return the parameters of ``gitops.Offer``."""
        return {
            "commit": self.commit, "author": self.author, "time": self.time, "subject": self.subject,
            "signer": self.signer, "files": dict(self.files),
        }  # fmt: skip


class Clone:
    """The clone in a folder, and the way to its source. ``key``: the private key for ssh."""

    def __init__(self, folder: Path, source: Source, key: Path | None = None) -> None:
        self._folder = folder
        self._source = source
        self._key = key
        self._ssh: Ssh | None = None

    def reach(self) -> None:
        """Ask the server for its branches, as a proof that it can be reached. Raises Unreachable."""
        client, path = self._client()
        with self._speaking():
            client.get_refs(path.encode())

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Translate errors of a conversation with the server, with the words of ssh where it had any."""
        try:
            with _translated():
                yield
        except Unreachable as error:
            words = self._ssh.words() if self._ssh else ""
            if words:
                raise Unreachable(_line(words)) from error
            raise

    def fetch(self) -> Fetched:
        """Fetch the newest commit. Raises Unreachable, Unacceptable."""
        repository = self._open()
        try:
            tip = self._fetch(repository)
            return self._examine(repository, tip)
        finally:
            repository.close()

    def _fetch(self, repository: Repo) -> bytes:
        client, path = self._client()
        branch = b"refs/heads/" + self._source.branch.encode()
        held: list[bytes] = []

        def wanted(refs: Mapping[bytes, bytes], depth: int | None = None) -> list[bytes]:  # noqa: ARG001
            if branch not in refs:
                raise Unreachable(f"the repository has no branch {self._source.branch}")
            held.append(refs[branch])
            return [] if refs[branch] in repository.object_store else [refs[branch]]

        with self._speaking():
            client.fetch(path.encode(), repository, determine_wants=wanted)
        tip = held[-1]
        repository.refs[branch] = tip
        return tip

    def _examine(self, repository: Repo, tip: bytes) -> Fetched:
        name = tip.decode()
        try:
            with _translated():
                commit = repository[tip]
                if not isinstance(commit, Commit):
                    raise Unacceptable("the branch names no commit")
                self._refuse_rewind(repository, tip)
                signer = self._signer(commit)
                files = files_of(repository, commit, self._source.folder)
        except Unacceptable as error:
            raise Unacceptable(f"commit {name[:SHORTEST]}: {error}") from error
        message = commit.message.decode(errors="replace")
        return Fetched(
            name, _line(commit.author.decode(errors="replace")), float(commit.author_time),
            _line(message.strip().partition("\n")[0]), signer, files,
        )  # fmt: skip

    def _signer(self, commit: Commit) -> str | None:
        if not self._source.signers:
            return None
        return signer_of(commit.raw_without_sig(), commit.gpgsig or b"", self._source.signers)

    def _refuse_rewind(self, repository: Repo, tip: bytes) -> None:
        """Raise Unacceptable where the history no longer holds the commit that was applied."""
        applied = (self._source.applied or "").encode()
        if not applied or self._source.rewind or applied == tip:
            return
        if applied not in repository.object_store or not can_fast_forward(repository, applied, tip):
            raise Unacceptable(
                f"its history does not hold commit {applied[:SHORTEST].decode()}, which was applied: it was "
                "rewritten; set `rewind: true` if that was meant"
            )

    def _open(self) -> Repo:
        """Return the clone of this source; one of another source, broken or too large is made anew."""
        mark = self._folder / "patronus-source"
        if mark.exists() and mark.read_text() == self._source.url and _size(self._folder) < LARGEST_CLONE:
            try:
                return Repo(str(self._folder))
            except NotGitRepository:
                pass
        self.forget()
        self._folder.mkdir(parents=True)
        repository = Repo.init_bare(str(self._folder))
        mark.write_text(self._source.url)
        return repository

    def forget(self) -> None:
        """Throw the clone away; the next fetch makes it anew."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _client(self) -> tuple[GitClient, str]:
        parts = urlsplit(self._source.url)
        if parts.scheme == "ssh":
            if self._key is None:
                raise Unreachable("there is no key for ssh")
            self._ssh = Ssh(self._folder.parent, self._source.known_hosts, self._key)
            return SSHGitClient(parts.hostname, parts.port, parts.username, vendor=self._ssh), parts.path
        user, password = self._source.user, self._source.password
        pool = _https_only(self._source.ca, redirects=0 if user else REDIRECTS)
        base = f"{parts.scheme}://{parts.netloc}"
        client = Urllib3HttpGitClient(base, pool_manager=pool, username=user, password=password, quiet=True)
        return client, parts.path


def _https_only(ca: str | None, *, redirects: int) -> urllib3.PoolManager:
    """Return a pool that speaks https alone, also where a server redirects, with certificates checked.

    It tries nothing twice: the timer does.
    """
    context = ssl.create_default_context(cadata=ca)
    timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
    retries = urllib3.Retry(total=redirects, connect=0, read=0, other=0, status=0, redirect=redirects)
    pool = urllib3.PoolManager(ssl_context=context, timeout=timeout, retries=retries)
    pool.pool_classes_by_scheme = {"https": urllib3.HTTPSConnectionPool}
    return pool


@contextmanager
def _translated() -> Iterator[None]:
    """Translate what dulwich, urllib3 and the system raise."""
    try:
        yield
    except MemoryError as error:
        raise Unacceptable("the repository does not fit into memory") from error
    except HTTPUnauthorized as error:
        raise Unreachable("the server wants another log-in, or any") from error
    except NotGitRepository as error:
        raise Unreachable(f"there is no repository: {_line(str(error))}") from error
    except (GitProtocolError, urllib3.exceptions.HTTPError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            raise Unacceptable("the repository is too large") from error
        reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
        raise Unreachable(_line(str(reason)) or type(error).__name__) from error


def _line(text: str) -> str:
    """Return text on one line, bounded, without control characters."""
    return "".join(char if char.isprintable() else " " for char in text)[:400].strip()


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))
