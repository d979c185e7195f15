# SPDX-License-Identifier: GPL-2.0-or-later
"""Where releases come from: a folder on an https server, or one on this machine (a stick)."""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote, urlsplit

from patronus.core.errors import InvalidRequest, NotFound, StorageError, Unavailable
from patronus.kernel.https import opener

PIECE = 1 << 20
TIME_S = 30.0
"""A server that sends nothing for so long is given up; the next run goes on where this one ended."""
_NO_HEAD = (http.HTTPStatus.METHOD_NOT_ALLOWED, http.HTTPStatus.NOT_IMPLEMENTED)
"""What a server that only hands out says to HEAD; GET tells the size as well, and is ended unread."""
MOST_DIGITS = 16
_LOST = (OSError, http.client.HTTPException)

Progress = Callable[[int], None]


class Source:
    """A folder of releases: ``https://host/folder``, with ``ca`` (PEM) to trust, or ``file:///folder``."""

    def __init__(self, url: str, ca: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "file"):
            raise InvalidRequest(f"{url}: a source is https://host/folder or file:///folder")
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        self._url = url.rstrip("/")
        self._opener = opener(ca)

    def read(self, name: str, limit: int) -> bytes:
        """Return a small file. Raises NotFound, Unavailable, InvalidRequest beyond ``limit`` bytes."""
        with self._open(name, 0) as (stream, _):
            content = _read(stream, limit + 1, name)
        if len(content) > limit:
            raise InvalidRequest(f"{name} has more than {limit} bytes")
        return content

    def size(self, name: str) -> int:
        """Return the bytes of a file. Raises NotFound, Unavailable."""
        with self._open(name, 0, "HEAD") as (_, left):
            return _known(left, name)

    def fetch(self, name: str, sha256: str, target: Path, progress: Progress) -> None:
        """Bring a file in, going on where an earlier call ended, and keep it only if its sum is as signed.

        ``progress`` is told the bytes that are there. Raises NotFound, Unavailable, StorageError, and
        InvalidRequest for a file that is not as signed, which is deleted.
        """
        there = target.stat().st_size if target.exists() else 0
        with _writing(target), self._open(name, there) as (stream, left), target.open("ab") as into:
            end = there + _known(left, name)
            into.truncate(there)
            while piece := _read(stream, PIECE, name):
                into.write(piece)
                progress(into.tell())
                if into.tell() > end:
                    break
            into.flush()
            os.fsync(into.fileno())
            arrived = into.tell()
        if arrived < end:
            raise Unavailable(f"{name} ended after {arrived} of {end} bytes; the next run goes on there")
        if _sum(target) != sha256:
            target.unlink()
            raise InvalidRequest(f"{name} is not the file that was signed; it was deleted")

    @contextmanager
    def _open(self, name: str, offset: int, method: str = "GET") -> Iterator[tuple[IO[bytes], int | None]]:
        """Open a file at an offset; yields the stream and how many bytes are left, None if nobody says."""
        if self._folder is not None:
            with self._local(self._folder / name, offset) as found:
                yield found
            return
        request = urllib.request.Request(f"{self._url}/{quote(name)}", method=method)  # noqa: S310: https alone
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        try:
            response = self._opener.open(request, timeout=TIME_S)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                yield io.BytesIO(), 0
                return
            if method == "HEAD" and error.code in _NO_HEAD:
                with self._open(name, offset) as found:
                    yield found
                return
            kind = NotFound if error.code == http.HTTPStatus.NOT_FOUND else Unavailable
            raise kind(f"{self._url}/{name}: {error.code} {error.reason}") from error
        except _LOST as error:
            raise Unavailable(f"{self._url} cannot be reached: {getattr(error, 'reason', error)}") from error
        with response:
            if offset and response.status != http.HTTPStatus.PARTIAL_CONTENT:
                _read(response, offset, name)  # a server without ranges sends what is there already
                length = _length(response)
                yield response, None if length is None else length - offset
            else:
                yield response, _length(response)

    @contextmanager
    def _local(self, path: Path, offset: int) -> Iterator[tuple[IO[bytes], int]]:
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            raise NotFound(f"there is no {path}") from None
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
        with stream:
            stream.seek(offset)
            yield stream, path.stat().st_size - offset


def _length(response: http.client.HTTPResponse) -> int | None:
    """Return the bytes that a server announces; one that sends in chunks announces none."""
    said = response.headers.get("Content-Length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < MOST_DIGITS else None


def _known(left: int | None, name: str) -> int:
    if left is None:
        raise Unavailable(f"the server does not say how long {name} is; whether there is room is not known")
    return left


def _read(stream: IO[bytes], size: int, name: str) -> bytes:
    try:
        return stream.read(size)
    except _LOST as error:
        raise Unavailable(f"{name} ended early: {error}; the next run goes on there") from error


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror or error}") from error


def _sum(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
