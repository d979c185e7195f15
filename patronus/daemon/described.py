# SPDX-License-Identifier: GPL-2.0-or-later
"""The declarations of the verbs, kept from one boot to the next.

Making them takes a quarter of the whole start of patronusd, and the admin page waits for them. An image makes
the same ones each time; which one runs is told by dm-verity's root hash, so that without one nothing is kept.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from patronus.core.errors import StorageError
from patronus.core.files import Disk, write_durably
from patronus.core.verb import Verb

log = logging.getLogger(__name__)
FILE = "verbs.json"
Declarations = list[dict[str, Any]]


def described(verbs: list[Verb[Any, Any]], folder: Path, image: str | None) -> Declarations:
    """Return each verb's declaration, from the file in ``folder`` where the same ``image`` wrote it."""
    if image is None:
        return [verb.describe() for verb in verbs]
    file = folder / FILE
    kept = _kept(file, image)
    # A plug-in that was left out this time has no verbs.
    if kept is not None and [one.get("name") for one in kept] == [verb.name for verb in verbs]:
        return kept
    made = [verb.describe() for verb in verbs]
    try:
        write_durably(Disk(), file, json.dumps({"image": image, "verbs": made}).encode())
    except StorageError as error:
        log.warning("the next start takes longer: %s", error)
    return made


def _kept(file: Path, image: str) -> Declarations | None:
    """Return what the image wrote; None where it wrote nothing, or what is there cannot be read."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("image") != image:
        return None
    verbs = found.get("verbs")
    whole = isinstance(verbs, list) and all(isinstance(one, dict) for one in verbs)
    return verbs if whole else None
