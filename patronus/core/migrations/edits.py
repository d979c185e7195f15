# SPDX-License-Identifier: GPL-2.0-or-later
"""What steps are made of: edits of one section's text that leave every other byte as it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from patronus.core.edit import Remove, Replace
from patronus.core.errors import InvalidConfiguration
from patronus.core.splice import edit_document
from patronus.core.splice.spans import Span, join
from patronus.core.text import SUFFIXES, Document, document_of

Texts = Mapping[str, str]


def section(texts: Texts, name: str) -> Document | None:
    """Return the section's file, None where there is none. Raises InvalidConfiguration."""
    file = next((name + suffix for suffix in SUFFIXES if name + suffix in texts), None)
    if file is None:
        return None
    document = document_of(file, texts[file])
    if document.problems:
        raise InvalidConfiguration(document.problems)
    return document


def edited(texts: Texts, name: str, *edits: Replace | Remove) -> dict[str, str]:
    """Return the texts after edits of one section, as they are where there is no such file."""
    found = dict(texts)
    for edit in edits:
        document = section(found, name)
        if document is not None:
            found[document.file] = edit_document(document, edit)
    return found


def renamed_key(texts: Texts, name: str, old: str, new: str, *, of_each: str | None = None) -> dict[str, str]:
    """Return the texts with a key renamed: at the top of a section, or in each item of a list."""
    document = section(texts, name)
    if document is None:
        return dict(texts)
    if document.suffix == ".toml":
        text = _in_toml(document.text, old, new, of_each)
    else:
        text = _in_tree(document, old, new, of_each)
    return {**texts, document.file: text}


def _in_tree(document: Document, old: str, new: str, of_each: str | None) -> str:
    root = document.root
    listed = root.child(of_each) if root and of_each else None
    nodes = (listed.items or [] if listed else []) if of_each else [root] if root else []
    written = f'"{new}"' if document.suffix == ".json" else new
    keys = [node.entries[old] for node in nodes if node.entries and old in node.entries]
    return join(document.text, [Span(key.start, key.end, written) for key in keys])


def _in_toml(text: str, old: str, new: str, of_each: str | None) -> str:
    """Rename by lines: a key of a table stands at the beginning of one."""
    table = rf"\[\[\s*{re.escape(of_each)}\s*\]\]" if of_each else None
    inside, lines = of_each is None, []
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("["):
            inside = table is not None and re.match(table, line.strip()) is not None
        elif inside:
            line = re.sub(rf"^(\s*){re.escape(old)}(\s*=)", rf"\g<1>{new}\g<2>", line)  # noqa: PLW2901
        lines.append(line)
    return "".join(lines)
