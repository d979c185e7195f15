# SPDX-License-Identifier: GPL-2.0-or-later
"""Expectations on a workstation: ``python3 -m patronus.daemon.expect FOLDER [FILE]``, with no router at hand.

FOLDER is a copy of ``/etc/patronus``; FILE has the expectations, else the folder's own ``firewall/tests`` do.
Exit codes: 0 all hold, 1 some do not or the files have problems, 2 wrong usage.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from patronus.core.errors import InvalidConfiguration
from patronus.core.model import Configuration
from patronus.core.problem import Problem, Severity
from patronus.core.schema import Schema
from patronus.core.text import SUFFIXES
from patronus.daemon.settings import SECTION as SYSTEM
from patronus.firewall.check.configuration import check_rules
from patronus.firewall.model import SECTIONS
from patronus.firewall.verbs.expect import Try, TryReport, run
from patronus.network.dhcp.model import SECTION as DHCP
from patronus.network.dns.model import SECTION as DNS
from patronus.network.interfaces.model import SECTION as INTERFACES

READ = (*SECTIONS, INTERFACES, DHCP, DNS, SYSTEM)


def main(arguments: Sequence[str]) -> int:
    """Say what came of each expectation; return the exit code."""
    if len(arguments) not in (1, 2) or not Path(arguments[0]).is_dir():
        sys.stderr.write("usage: python3 -m patronus.daemon.expect FOLDER [FILE]\n")
        return 2
    try:
        report = tried(Path(arguments[0]), Path(arguments[1]) if arguments[1:] else None)
    except InvalidConfiguration as error:
        sys.stderr.writelines(f"{problem.render()}\n" for problem in error.problems)
        return 1
    sys.stdout.writelines(f"{line}\n" for line in lines(report))
    return 1 if report.failed else 0


def tried(folder: Path, file: Path | None) -> TryReport:
    """Return what came of the expectations. Raises InvalidConfiguration where the files have problems."""
    config = configuration(folder)
    if file is None:
        return run(config, Try())
    return run(config, Try.model_validate({"text": file.read_text(), "suffix": file.suffix[1:]}))


def configuration(folder: Path) -> Configuration:
    """Return the sections that expectations need. Raises InvalidConfiguration."""
    known = {section.path for section in READ}
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES]
    texts = {str(name): (folder / name).read_text() for name in names if str(name.with_suffix("")) in known}
    loaded = Schema(READ, lambda digits: secrets.token_hex(digits // 2)).load(texts)
    problems: list[Problem] = [*loaded.problems, *check_rules(loaded.config)]
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise InvalidConfiguration(problems)
    return loaded.config


def lines(report: TryReport) -> Iterator[str]:
    """Yield a line for each packet, and the sum."""
    yield from (one.text for one in report.results)
    yield f"{len(report.results)} tried, {report.failed} failed"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
