# SPDX-License-Identifier: GPL-2.0-or-later
"""The schemas in docs/schema: ``python3 -m tests.golden.schema`` writes them anew from the models."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import patronus
from patronus.core.json_schema import file_schema
from patronus.core.model import Section
from patronus.daemon.schema_files import write_schemas

FOLDER = Path(__file__).parents[2] / "docs/schema"
MODULES = ("model", "settings")
"""Where a feature declares its sections; ``config.Schema`` of the daemon is compared with the result."""


def sections() -> Iterator[Section]:
    """Yield the sections of all features."""
    for module in pkgutil.walk_packages(patronus.__path__, "patronus."):
        if module.name.rpartition(".")[2] in MODULES:
            found = importlib.import_module(module.name)
            yield from getattr(found, "SECTIONS", ())
            if isinstance(section := getattr(found, "SECTION", None), Section):
                yield section


def main() -> None:
    """Write the schemas."""
    write_schemas(FOLDER, {section.path: file_schema(section) for section in sections()})


if __name__ == "__main__":
    main()
