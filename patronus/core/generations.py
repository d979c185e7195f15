# SPDX-License-Identifier: GPL-2.0-or-later
"""Generations: every configuration that ran, whole and checked, and which of them is confirmed. Impure.

    generations/7/manifest.json     who, when, why, and the SHA-256 of each file and of itself
    generations/7/files/…           the tree of /etc/patronus
    generations/current             the number that runs
    generations/confirmed           the numbers that were confirmed, newest first: a boot takes the first
    generations/pending.json        the change that waits for confirmation, and until when

A generation is built under a hidden name and gets its number by one rename: it is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from patronus.core.changes import text_diff
from patronus.core.confirm import Pending
from patronus.core.errors import NotFound, StorageError
from patronus.core.files import (
    Disk,
    encoded,
    read_tree,
    remove_durably,
    storage_errors,
    write_durably,
)

KEPT = 100
"""Generations kept beside the confirmed ones."""
CONFIRMED_KEPT = 20


@dataclass(frozen=True)
class Manifest:
    """What is known of a generation. ``time``: seconds since the epoch; ``sha256``: file → digest."""

    number: int
    schema_version: int
    image_version: str
    parent: int | None
    actor: str
    comment: str
    sha256: Mapping[str, str]
    time: float
    boot_id: str


@dataclass(frozen=True)
class Generation:
    """A generation, read and found whole."""

    manifest: Manifest
    texts: Mapping[str, str]


def sha256(text: str) -> str:
    """Return the digest of a file's bytes."""
    return hashlib.sha256(encoded(text)).hexdigest()


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


class Generations:
    """The folder of generations. One writer at a time; readers need no lock.

    A folder that cannot be opened is ``complaint``, no error: the router must come up all the same. Where a
    pointer cannot be read any more, what it last said holds.
    """

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self._root = root
        self._disk = disk or Disk()
        self._pointers: dict[str, list[int]] = {}
        self._pending: Pending | None = None
        self.complaint: str | None = None
        try:
            self._tidy()
        except StorageError as error:
            self.complaint = str(error)

    def _tidy(self) -> None:
        """Make the folder, and take away what a power cut left half made."""
        with storage_errors(f"{self._root} cannot be used"):
            self._disk.make_folder(self._root)
            for rest in (*self._root.glob(".new-*"), *self._root.glob(".old-*")):
                self._disk.remove_tree(rest)

    def numbers(self) -> list[int]:
        """Return the generations on disk, oldest first, whole or not."""
        with storage_errors(f"{self._root} could not be read"):
            return sorted(int(entry.name) for entry in self._root.iterdir() if entry.name.isdigit())

    def publish(self, manifest: Manifest, texts: Mapping[str, str]) -> Manifest:
        """Write a new generation durably and return its manifest with its number. Raises StorageError."""
        number = max([*self.numbers(), self.current() or 0, *self.confirmed()], default=0) + 1
        digests = {name: sha256(text) for name, text in sorted(texts.items())}
        manifest = replace(manifest, number=number, sha256=digests)
        building = self._root / f".new-{number}"
        with storage_errors(f"generation {number} could not be written"):
            try:
                self._build(building, manifest, texts)
                self._disk.rename(building, self._root / str(number))
            except OSError:
                self._disk.remove_tree(building)
                raise
            self._disk.sync(self._root)
        return manifest

    def _build(self, building: Path, manifest: Manifest, texts: Mapping[str, str]) -> None:
        self._disk.remove_tree(building)
        folders = {(building / "files" / name).parent for name in texts} | {building / "files"}
        for folder in sorted(folders):
            self._disk.make_folder(folder)
        for name, text in texts.items():
            self._disk.create(building / "files" / name, encoded(text))
            self._disk.sync(building / "files" / name)
        body = asdict(manifest)
        data = json.dumps({**body, "digest": _digest(body)}, indent=1, ensure_ascii=False).encode()
        self._disk.create(building / "manifest.json", data)
        self._disk.sync(building / "manifest.json")
        for folder in sorted({above for one in folders for above in (one, *one.parents)}, reverse=True):
            if folder.is_relative_to(building):
                self._disk.sync(folder)

    def manifest(self, number: int) -> Manifest:
        """Return a generation's manifest. Raises NotFound, and StorageError where it is not whole."""
        path = self._root / str(number) / "manifest.json"
        if not self._is_there(path.parent):
            raise NotFound(f"there is no generation {number}")
        with storage_errors(f"generation {number} could not be read"):
            data = path.read_bytes()
        try:
            body = json.loads(data)
            digest = body.pop("digest")
            manifest = Manifest(**body)
        except (ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
            raise StorageError(f"generation {number} is not whole: its manifest cannot be read") from error
        if digest != _digest(body) or manifest.number != number:
            raise StorageError(f"generation {number} is not whole: its manifest was changed")
        return manifest

    def read(self, number: int) -> Generation:
        """Return a generation, checked against its digests. Raises NotFound, StorageError."""
        manifest = self.manifest(number)
        texts = read_tree(self._root / str(number) / "files")
        broken = sorted(
            name for name in texts.keys() | manifest.sha256.keys()
            if name not in texts or sha256(texts[name]) != manifest.sha256.get(name)
        )  # fmt: skip
        if broken:
            raise StorageError(f"generation {number} is not whole: {', '.join(broken)}")
        return Generation(manifest, texts)

    def digests(self, number: int) -> dict[str, str]:
        """Return file below the generation's folder → SHA-256 of its bytes. Raises NotFound, StorageError."""
        files = self.manifest(number).sha256
        with storage_errors(f"generation {number} could not be read"):
            manifest = (self._root / str(number) / "manifest.json").read_bytes()
        own = {"manifest.json": hashlib.sha256(manifest).hexdigest()}
        return own | {f"files/{name}": digest for name, digest in files.items()}

    def log(self, count: int) -> list[Manifest]:
        """Return the manifests of the newest generations that can be read, newest first."""
        return list(islice(self._newest(), count))

    def _newest(self) -> Iterator[Manifest]:
        """Yield the manifests that can be read, newest first."""
        for number in reversed(self.numbers()):
            try:
                yield self.manifest(number)
            except StorageError:
                continue

    def diff(self, old: int, new: int) -> str:
        """Return the unified diff from one generation to another. Raises NotFound, StorageError."""
        before, after = self.read(old).texts, self.read(new).texts
        return text_diff(before, after, f"{old}/", f"{new}/")

    def current(self) -> int | None:
        """Return the number that ran last, None where the pointer is missing or not whole."""
        return next(iter(self._pointer("current")), None)

    def confirmed(self) -> list[int]:
        """Return the confirmed numbers, newest first."""
        return self._pointer("confirmed")

    def _pointer(self, name: str) -> list[int]:
        try:
            lines = (self._root / name).read_text(encoding="ascii").split()
        except (FileNotFoundError, UnicodeDecodeError):
            lines = []
        except OSError as error:
            self.complaint = f"the pointer {name} cannot be read: {error.strerror or error}"
            return self._pointers.get(name, [])
        self._pointers[name] = [int(line) for line in lines if line.isdigit()]
        return self._pointers[name]

    def set_current(self, number: int) -> None:
        """Say which generation runs. Raises StorageError."""
        write_durably(self._disk, self._root / "current", f"{number}\n".encode())

    def confirm(self, number: int) -> None:
        """Make a generation the one that a boot takes, for good. Raises StorageError."""
        self._point([number, *(one for one in self.confirmed() if one != number)][:CONFIRMED_KEPT])

    def unconfirm(self, number: int) -> None:
        """Take a generation out of the confirmed ones. Raises StorageError."""
        self._point([one for one in self.confirmed() if one != number])

    def _point(self, numbers: list[int]) -> None:
        write_durably(self._disk, self._root / "confirmed", "".join(f"{one}\n" for one in numbers).encode())

    def pending(self) -> Pending | None:
        """Return the change that waits for confirmation.

        Numbers only grow: a record from before the newest confirmation is a left-over and waits for nothing.
        Faces ask all the time, and each look at a file gives other threads a turn: mostly there is only one.
        """
        pending = self._pending = self._read_pending()
        if pending is None:
            return None
        return pending if pending.generation > max(self.confirmed(), default=0) else None

    def _read_pending(self) -> Pending | None:
        try:
            return Pending(**json.loads((self._root / "pending.json").read_bytes()))
        except (FileNotFoundError, ValueError, RecursionError, TypeError):
            return None
        except OSError as error:
            self.complaint = f"what waits for confirmation cannot be read: {error.strerror or error}"
            return self._pending

    def set_pending(self, pending: Pending | None) -> None:
        """Store what waits for confirmation, durably, or that nothing does. Raises StorageError."""
        path = self._root / "pending.json"
        if pending is not None:
            write_durably(self._disk, path, json.dumps(asdict(pending)).encode())
        elif self._is_there(path):
            remove_durably(self._disk, path)

    def _is_there(self, path: Path) -> bool:
        with storage_errors(f"{path.name} could not be found"):
            return path.exists()

    def knows(self, name: str, text: str) -> bool:
        """Return whether any kept generation has this file with this text: then nobody wrote it by hand."""
        digest = sha256(text)
        return any(manifest.sha256.get(name) == digest for manifest in islice(self._newest(), KEPT))

    def prune(self) -> None:
        """Remove old generations; what runs and what was confirmed last stays. Raises StorageError."""
        kept = {*self.confirmed(), self.current()}
        with storage_errors("an old generation could not be removed"):
            for number in self.numbers()[:-KEPT]:
                if number not in kept:
                    old = self._root / f".old-{number}"
                    self._disk.rename(self._root / str(number), old)
                    self._disk.remove_tree(old)
