# SPDX-License-Identifier: GPL-2.0-or-later
"""What earlier boots ended with: damage, systems that failed too often, a reset, Recovery, Install.

The initrd writes it down (``image/initrd-tree/usr/lib/patronus/slot-record``); here it becomes words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from patronus.core.audit import SELF, AuditLog
from patronus.core.control import RuntimeState
from patronus.core.errors import StorageError

KEPT = "patronus-boot/damage"
"""Below /var/lib: a line for each panic, ``SECONDS MAJOR:MINOR: KIND block NUMBER is corrupted``."""
UNPROVED = "patronus-health/unproved.json"
"""Below /var/lib: why systems were not healthy (``update.health``)."""
BAD = "patronus-boot/bad"
"""Below /run: a line for each boot entry that is not started any more, such as ``patronus_0.1.0+0-3.efi``."""
RESET = "patronus-boot/reset"
"""Below /var/lib: a line for the reset that this state began with, ``SECONDS WHY``."""
RECOVERY = "patronus-boot/recovery"
"""Below /var/lib: a line for each start of Recovery, ``SECONDS``, or of Install, ``SECONDS install``."""
RECORDED = "recovery-recorded"
"""In the state: how many of these lines the audit log has."""
_RECOVERY = re.compile(r"(?P<time>\d{1,12})(?P<install> install)?")
_RESET = re.compile(r"(?P<time>\d{1,12}) (?P<why>[ -~]{1,200})")
_DAMAGE = re.compile(r"(?P<time>\d+) (?P<words>\d+:\d+: (?:data|metadata) block \d+ is corrupted)")
_ENTRY = re.compile(r"(?P<name>patronus_(?P<version>.+)|.+)\+0(?P<tried>-\d+)?\.efi")


def integrity_notices(kept: Path, run: Path) -> list[str]:
    """Return what a person should know; lines that nobody wrote are passed over."""
    damages = [found for line in _lines(kept / KEPT) if (found := _DAMAGE.fullmatch(line))]
    entries = [found for line in _lines(run / BAD) if (found := _ENTRY.fullmatch(line))]
    failed = [entry for entry in entries if entry["tried"]]
    reasons = _reasons(kept / UNPROVED) if failed else {}
    said = [_given_up(entry, reasons) for entry in failed]
    if damages:
        when = datetime.fromtimestamp(int(damages[-1]["time"]), UTC)
        said.append(
            f"restarts over a damaged block of the system: {len(damages)}, last on {when:%Y-%m-%d %H:%M} UTC "
            f"({damages[-1]['words']}); save the configuration and replace the disk"
        )
    return said


def reset_notices(kept: Path, audit: AuditLog) -> list[str]:
    """Return what a person should know of the reset that this state began with, and audit it.

    Only at the first start after it: the audit log of a state that was just made is empty.
    """
    found = next((_RESET.fullmatch(line) for line in _lines(kept / RESET)), None)
    if found is None or audit.head.number:
        return []
    when = datetime.fromtimestamp(int(found["time"]), UTC)
    said = f"this router was reset to its factory state on {when:%Y-%m-%d %H:%M} UTC ({found['why']})"
    try:
        audit.append("system.FactoryReset", SELF, "done", {"why": found["why"], "time": int(found["time"])})
    except StorageError as error:
        return [f"{said}; {error}"]
    return [said]


def recovery_notices(kept: Path, audit: AuditLog, state: RuntimeState) -> list[str]:
    """Return what a person should know of starts of Recovery and Install since it ran last; audit each."""
    starts = [found for line in _lines(kept / RECOVERY) if (found := _RECOVERY.fullmatch(line))]
    fresh = starts[state.get(RECORDED, 0) :]
    try:
        for start in fresh:
            name = "system.InstallDialog" if start["install"] else "system.Recovery"
            audit.append(name, SELF, "started", {"time": int(start["time"])})
        if fresh:
            state.put(RECORDED, len(starts))
    except StorageError as error:
        return [f"that Recovery or Install was started cannot be recorded: {error}"]
    said = []
    for entry, what in (
        ("Recovery", "opens a root shell"),
        ("Install", "installs this system on another disk"),
    ):
        times = [_minute(start) for start in fresh if bool(start["install"]) == (entry == "Install")]
        if times:
            said.append(
                f"the boot entry {entry} was started on {', '.join(times)} UTC: an administrator's password, "
                f"or the vault's recovery password, {what} there; a recovery code that was typed "
                "there is not used up: make new ones"
            )
    return said


def _minute(start: re.Match[str]) -> str:
    return f"{datetime.fromtimestamp(int(start['time']), UTC):%Y-%m-%d %H:%M}"


def _reasons(path: Path) -> Mapping[str, Sequence[str]]:
    """Return version → what ailed it."""
    from patronus.update.health import Unproved  # no packet waits for it to be loaded
    from patronus.update.task import read

    found = read(Unproved, path)
    return found.reasons if found else {}


def _given_up(entry: re.Match[str], reasons: Mapping[str, Sequence[str]]) -> str:
    ill = reasons.get(entry["version"] or "")
    why = f"was not healthy ({'; '.join(ill)})" if ill else "failed to start too often"
    return f"the system {entry['name']} {why} and is not used any more"


def _lines(path: Path) -> list[str]:
    """Return the lines of a file that may not be there: no boot of this kind wrote it."""
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []
