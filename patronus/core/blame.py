# SPDX-License-Identifier: GPL-2.0-or-later
"""Who changed what: the newest generation in which a value is not as in the one that it came from."""

from __future__ import annotations

from typing import Any

from patronus.core.candidate import Clash, Clashing
from patronus.core.errors import Conflict, NotFound, StorageError
from patronus.core.generations import Generations, Manifest
from patronus.core.splice import value_at
from patronus.core.text import document_of


def conflict(generations: Generations, running: int, clashing: Clashing) -> Conflict:
    """Return the error that names each value that somebody else changed, who, and in which generation."""
    found = [(clash, _changed_by(generations, running, clash)) for clash in clashing.clashes]
    lines = [_words(clash, manifest) for clash, manifest in found]
    return Conflict("\n".join(dict.fromkeys(lines)), [_data(*one) for one in found])


def _words(clash: Clash, manifest: Manifest | None) -> str:
    what = f"{clash.file} {'.'.join(clash.at)}".rstrip()
    who = f"by {manifest.actor} in generation {manifest.number}" if manifest else "by somebody else"
    return f"{what} was changed {who} since you read it"


def _data(clash: Clash, manifest: Manifest | None) -> dict[str, Any]:
    return {
        "file": clash.file, "item": ".".join(clash.at), "actor": manifest.actor if manifest else None,
        "generation": manifest.number if manifest else None,
    }  # fmt: skip


def _changed_by(generations: Generations, running: int, clash: Clash) -> Manifest | None:
    """Follow the generations back from the running one; None where one of them can no longer be read."""
    try:
        newer = generations.read(running)
        while newer.manifest.parent is not None:
            older = generations.read(newer.manifest.parent)
            if _value(newer.texts, clash) != _value(older.texts, clash):
                return newer.manifest
            newer = older
    except (NotFound, StorageError):
        return None
    return None


def _value(texts: Any, clash: Clash) -> Any:
    text = texts.get(clash.file)
    if text is None or not clash.at:
        return text
    try:
        return value_at(document_of(clash.file, text).data, clash.at)
    except NotFound:
        return None
