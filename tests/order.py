# SPDX-License-Identifier: GPL-2.0-or-later
"""In what order a suite's workers are given its files: what takes long begins first.

xdist begins with the file of most tests. A file of few long ones then comes last, and is all that still runs.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

LONGEST = (
    *(f"tests/web/test_{name}.py" for name in ("schema_fuzz", "pages_rules", "pages_networks", "pages")),
    *(f"tests/web/test_{name}.py" for name in ("second_factor", "api", "pages_names", "pages_servers")),
    "tests/netns/services/test_dhcp.py",
    *(f"tests/netns/daemon/test_{name}.py" for name in ("command_line", "killed", "head_start", "dhcp6")),
    *(f"tests/netns/daemon/test_{name}.py" for name in ("confirm", "backup", "hung")),
    "tests/netns/services/test_dns.py",
    "tests/bpf/test_replace.py",
)
"""What takes half a minute or more. All others follow, those of most tests first."""


class LongestFirst(LoadFileScheduling):  # type: ignore[misc]
    """Gives a worker whole files, the longest of those that are left."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        longest = next((name for name in LONGEST if name in self.workqueue), None)
        if longest:
            self.workqueue.move_to_end(longest, last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LongestFirst | None:
    """Take the place of ``--dist loadfile``, and of nothing else."""
    return LongestFirst(config, log) if config.getoption("dist") == "loadfile" else None
