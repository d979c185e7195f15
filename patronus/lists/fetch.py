# SPDX-License-Identifier: GPL-2.0-or-later
"""Brings lists in, one after the other; what goes wrong with one is noted, and leaves it as it was."""

from __future__ import annotations

import http.client
import logging
import time
import urllib.error
import urllib.request
from email.message import Message
from http import HTTPStatus

from patronus.core.errors import InvalidRequest, NotFound, PatronusError, Unavailable
from patronus.kernel.https import opener
from patronus.lists.content import LARGEST, entries
from patronus.lists.folder import Download, Folder
from patronus.lists.task import Item, Places, finish, handed

log = logging.getLogger("patronus-lists")

SILENT_S = 30.0
"""A server that sends nothing for so long is given up."""
LONGEST_S = 300.0
"""So is one that has not sent all in this time."""
PIECE = 1 << 16
AGENT = "Patronus"


def run(places: Places, silent_s: float = SILENT_S, longest_s: float = LONGEST_S) -> int:
    """Do the task that patronusd wrote; return how many lists could not be had.

    Raises NotFound where there is none, StorageError.
    """
    task = handed(places)
    if task is None:
        raise NotFound("there is no task: patronusd starts this program")
    folder = places.folder
    folder.forget_all_but(task.keep)
    fetch = Fetch(folder, silent_s, longest_s)
    failed = [item for item in task.lists if not fetch.take(item)]
    finish(places, task)
    return len(failed)


class Fetch:
    """Downloads into a folder."""

    def __init__(self, folder: Folder, silent_s: float, longest_s: float) -> None:
        self._folder = folder
        self._silent_s = silent_s
        self._longest_s = longest_s

    def take(self, item: Item) -> bool:
        """Bring one list in, or keep the last good one and why; return which. Raises StorageError."""
        known = self._folder.state(item.key) or Download(url=item.url, content=item.content)
        if not self._folder.list(item.key).exists():
            known = Download(url=item.url, content=item.content)
        try:
            data, answer = self._download(item, known)
            fresh = self._judge(item, known, data, answer)
        except PatronusError as error:
            log.error("%s: %s", item.url, error)
            self._folder.note(item.key, known.model_copy(update={"error": str(error)[:1000]}))
            return False
        if data is None:
            self._folder.note(item.key, fresh)
        else:
            self._folder.keep(item.key, data, fresh)
        log.info("%s: %d entries%s", item.url, fresh.entries, "" if data is not None else ", unchanged")
        return True

    def _judge(self, item: Item, known: Download, data: bytes | None, answer: Message) -> Download:
        """Return how the list stands with what has come. Raises InvalidRequest."""
        now = time.time()
        if data is None:
            return known.model_copy(update={"good": now, "error": None})
        return Download(
            url=item.url, content=item.content, good=now, changed=now,
            entries=entries(data, item.content, known.entries), bytes=len(data),
            etag=_header(answer, "ETag"), modified=_header(answer, "Last-Modified"),
        )  # fmt: skip

    def _download(self, item: Item, known: Download) -> tuple[bytes | None, Message]:
        """Return what the server has, None where that is what is kept, and its headers.

        Raises Unavailable, NotFound, InvalidRequest.
        """
        if not item.url.startswith("https://"):
            raise InvalidRequest("a list is brought in over https alone")
        request = urllib.request.Request(item.url, headers={"User-Agent": AGENT})  # noqa: S310: https alone
        if known.etag:
            request.add_header("If-None-Match", known.etag)
        if known.modified:
            request.add_header("If-Modified-Since", known.modified)
        end = time.monotonic() + self._longest_s
        try:
            with opener(item.ca).open(request, timeout=self._silent_s) as response:
                return self._read(response, LARGEST[item.content], end), response.headers
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == HTTPStatus.NOT_MODIFIED:
                return None, error.headers
            kind = NotFound if error.code == HTTPStatus.NOT_FOUND else Unavailable
            raise kind(f"the server answers {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(f"it cannot be had: {getattr(error, 'reason', error)}") from error

    def _read(self, response: http.client.HTTPResponse, limit: int, end: float) -> bytes:
        """Return all that is sent. Raises InvalidRequest beyond the limit, Unavailable beyond the time."""
        found, said = bytearray(), response.headers.get("Content-Length")
        while piece := response.read1(PIECE):
            found += piece
            if len(found) > limit:
                raise InvalidRequest(f"it has more than {limit >> 20} MiB")
            if time.monotonic() > end:
                raise Unavailable(f"the server took longer than {self._longest_s:.0f} s")
        if said is not None and said != str(len(found)):
            raise Unavailable(f"it ended after {len(found)} of {said} bytes")
        return bytes(found)


def _header(answer: Message, name: str) -> str | None:
    """Return a header that is sent back to the server the next time, None where it is absurdly long."""
    value = answer.get(name)
    return value if value is not None and len(value) <= 200 else None
