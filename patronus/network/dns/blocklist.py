# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of names that do not exist for our clients: plain, as hosts file, as ``||name^`` or as RPZ. Pure.

What a browser would do to a page (``name##.banner``) or to some questions for a name (``||name^$image``) is
no reason to take the name away: such lines are counted as unread.

A million names as objects would take 150 MB. What is kept of a name is a hash of 64 bits under a key that
Python draws for each process (SipHash): 8 bytes, found by halving. That a name of no list has the hash of one
that is on a list happens once in ten million million questions, and nobody outside can look for it.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import groupby

from patronus.network.dns.names import MalformedMessage, parents, wire_name

HOSTS_ADDRESSES = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104 - what hosts files hold
NEVER = frozenset({"localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0"})  # noqa: S104
"""What every hosts file holds beside its list."""
STEP = 1_000
"""Lines that are read in one go: some ten milliseconds in which nobody is answered."""
PARTS = 256
LONGEST_LINE = 10
"""Words of a line that is believed to be one of names."""
_ANYWHERE = r"(?:third-party|3p|important|all)"
"""What a rule may say of the questions that it means, and still mean the name itself."""
_NAME = re.compile(rf"(?:\|\||\*\.)?([A-Za-z0-9_.-]+)(?:\^(?:\${_ANYWHERE}(?:,{_ANYWHERE})*)?)?")
_REMARK = re.compile(r"(?:^|\s)[#;]")
_NO_SUCH_NAME = frozenset({".", "*."})
"""Where an alias of an RPZ leads that takes the name away, or all its records."""


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


def read_lines(lines: Iterable[str], names: Names) -> Iterator[None]:
    """Add the lines' names, and count the lines that hold something else; ``STEP`` lines at each turn."""
    for number, line in enumerate(lines, 1):
        for name in _names(line, names):
            names.add(name)
        if not number % STEP:
            yield


def _names(line: str, names: Names) -> Iterator[bytes]:
    words = _REMARK.split(line, maxsplit=1)[0].split()
    if not words or words[0][0] in "![@$":  # remarks and exceptions of other formats, directives of a zone
        return
    if words[0] in HOSTS_ADDRESSES:
        words = words[1:]
    elif len(words) > 2 and words[-2].upper() == "CNAME":
        if words[-1] not in _NO_SUCH_NAME:  # a policy that lets pass, drops or leads elsewhere
            names.odd += 1
            return
        words = words[:1]
    elif _name(words[0]) is None:
        names.odd += 1
        return
    for word in words:
        if word.lower() in NEVER:
            continue
        name = _name(word)
        if name is not None and len(words) < LONGEST_LINE:
            yield name
        else:
            names.odd += 1


def _name(word: str) -> bytes | None:
    """Return the name that the word means with all below it, if it means one."""
    found = _NAME.fullmatch(word)
    try:
        return wire_name(found[1]) if found is not None and found[1].strip(".") else None
    except MalformedMessage:
        return None


def blocked(name: bytes, names: Names) -> bool:
    """Return whether the name or one above it is on the list; ``name`` is in lower-case wire form."""
    return any(parent in names for parent in parents(name))
