# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of names that do not exist for our clients: plain names, lines of a hosts file, or ``||name^``. Pure.

A million names as objects would take 150 MB. What is kept of a name is a hash of 64 bits under a key that
Python draws for each process (SipHash): 8 bytes, found by halving. That a name of no list has the hash of one
that is on a list happens once in ten million million questions, and nobody outside can look for it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import groupby

from patronus.network.dns.wire import MalformedMessage, parents, wire_name

HOSTS_ADDRESSES = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104 - what hosts files hold
NEVER = frozenset({"localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0"})  # noqa: S104
"""What every hosts file holds beside its list."""
STEP = 1_000
"""Lines that are read in one go: some ten milliseconds in which nobody is answered."""
PARTS = 256
LONGEST_LINE = 10
"""Words of a line that is believed to be one of names."""


class Names:
    """Names in lower-case wire form, of which only a hash is kept; they are found once ``sort`` is through.

    ``odd`` counts what was given for a name and is none.
    """

    def __init__(self, names: Iterable[bytes] = ()) -> None:
        self.odd = 0
        self._parts = [array("q") for _ in range(PARTS)]
        for name in names:
            self.add(name)
        for _ in self.sort():
            pass

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __contains__(self, name: bytes) -> bool:
        mark = hash(name)
        part = self._parts[mark % PARTS]
        at = bisect_left(part, mark)
        return at < len(part) and part[at] == mark

    def add(self, name: bytes) -> None:
        """Take a name in; it is found after the next ``sort``."""
        mark = hash(name)
        self._parts[mark % PARTS].append(mark)

    def sort(self) -> Iterator[None]:
        """Put the names in order, a part at each turn of the iterator, each name once."""
        for at, part in enumerate(self._parts):
            self._parts[at] = array("q", (mark for mark, _ in groupby(sorted(part))))
            yield


NONE = Names()


def read_lines(lines: Iterable[str], names: Names) -> Iterator[None]:
    """Add the lines' names, and count the lines that hold something else; ``STEP`` lines at each turn."""
    for number, line in enumerate(lines, 1):
        for name in _names(line, names):
            names.add(name)
        if not number % STEP:
            yield


def _names(line: str, names: Names) -> Iterator[bytes]:
    text = line.partition("#")[0]
    words = text.split()
    if not words or words[0][0] in "![@":  # remarks and exceptions of other formats
        return
    if words[0] in HOSTS_ADDRESSES:
        words = words[1:]
    for word in words:
        if word.lower() in NEVER:
            continue
        try:
            name = wire_name(word.partition("^")[0].removeprefix("||").removeprefix("*."))
        except MalformedMessage:
            name = b"\0"
        if len(name) > 1 and len(words) < LONGEST_LINE:
            yield name
        else:
            names.odd += 1


def blocked(name: bytes, names: Names) -> bool:
    """Return whether the name or one above it is on the list; ``name`` is in lower-case wire form."""
    return any(parent in names for parent in parents(name))
