# SPDX-License-Identifier: GPL-2.0-or-later
"""patronusd that is killed at a named point of a change: before each operation on the disk and each step.

``python -m tests.netns.daemon.fatal`` takes patronusd's options. While ``ROOT/armed`` exists, the points that
are passed are written to ``ROOT/points``; at the one whose number the file holds, SIGKILL ends the process.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from patronus.core import walk
from patronus.core.files import Disk
from patronus.core.running import Runner
from patronus.daemon.__main__ import main

OPERATIONS = ("create", "append", "sync", "rename", "make_folder", "remove", "remove_tree")


class Points:
    """Counts the points while the trap is armed."""

    def __init__(self, root: Path) -> None:
        self._armed, self._points = root / "armed", root / "points"
        self._count, self._at = 0, ""

    def passed(self, name: str) -> None:
        """Note a point; the last one that is noted is the last of all."""
        if not self._armed.exists():
            return
        at = self._armed.read_text()
        self._count = self._count + 1 if at == self._at else 1
        self._at = at
        with self._points.open("a") as file:
            file.write(f"{name}\n")
        if self._count == int(at):
            os.kill(os.getpid(), signal.SIGKILL)


def trap(points: Points) -> None:
    """Lay the trap before everything that a change does to the disk or to the kernel."""
    for name in OPERATIONS:
        setattr(
            Disk,
            name,
            _before(getattr(Disk, name), lambda _, path, *__, at=name: f"{at} {path.name}", points),
        )
    run = walk._run
    walk._run = _before(run, lambda feature, step: f"step {feature.name}: {step.name}", points)
    Runner.change_to = _before(Runner.change_to, lambda *_: "the walk", points)  # type: ignore[method-assign]


def _before(action: Callable[..., Any], name: Callable[..., str], points: Points) -> Callable[..., Any]:
    def trapped(*given: Any, **named: Any) -> Any:
        points.passed(name(*given))
        return action(*given, **named)

    return trapped


if __name__ == "__main__":
    trap(Points(Path(sys.argv[sys.argv.index("--root") + 1])))
    main()
