# SPDX-License-Identifier: GPL-2.0-or-later
"""The house itself: no two files import each other, neither at once nor late nor for types alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [folder for folder in ("patronus", "webui", "image", "qemu") if (ROOT / folder).is_dir()]


def modules() -> dict[str, Path]:
    """Return module → file of the whole house; a package is its ``__init__``."""
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in files}


def imported(tree: ast.AST, known: dict[str, Path]) -> Iterator[str]:
    """Yield the modules of ours that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name in known)


def order(graph: dict[str, set[str]]) -> list[str]:
    """Return the files so that each comes after those that it imports. Raises CycleError."""
    return list(TopologicalSorter(graph).static_order())


def test_no_two_files_import_each_other() -> None:
    known = modules()
    graph = {name: set(imported(ast.parse(path.read_text()), known)) for name, path in known.items()}
    assert sum(map(len, graph.values())) > len(graph)
    assert set(order(graph)) == set(graph)


def test_a_circle_would_be_found() -> None:
    known = {"patronus.a": Path("a.py"), "patronus.b": Path("b.py")}
    late = "def now():\n    from patronus.a import x\n"
    graph = {
        "patronus.a": set(imported(ast.parse("from patronus import b"), known)),
        "patronus.b": set(imported(ast.parse(late), known)),
    }
    with pytest.raises(CycleError):
        order(graph)
