# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON Schemas as files, for editors on the router: ``/run/patronus/schema/firewall/rules.json``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patronus.core.files import storage_errors

FOLDER = "schema"
SHIPPED = Path("/usr/share/patronus/schema")
"""The image's own, written when it was built: making them takes as long as loading half of the router."""


def link_schemas(folder: Path, shipped: Path) -> None:
    """Let the folder be what is shipped, and nothing that was written there before. Raises StorageError."""
    with storage_errors("the schemas could not be linked"):
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        folder.unlink(missing_ok=True)
        folder.symlink_to(shipped)


def write_schemas(folder: Path, schemas: Mapping[str, Any]) -> None:
    """Write section → schema as files that anybody may read; no others stay. Raises StorageError."""
    with storage_errors("the schemas could not be written"):
        if folder.is_symlink():
            folder.unlink()
        kept = {folder / f"{section}.json" for section in schemas}
        for section, schema in schemas.items():
            path = folder / f"{section}.json"
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            path.write_text(json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
        for path in set(folder.rglob("*.json")) - kept:
            path.unlink()
