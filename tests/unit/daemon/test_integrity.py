# SPDX-License-Identifier: GPL-2.0-or-later
"""What the initrd wrote down becomes words; what it did not write says nothing."""

from __future__ import annotations

from pathlib import Path

from patronus.core.audit import AuditLog
from patronus.core.state import StateFile
from patronus.daemon.integrity import BAD, KEPT, RECOVERY, UNPROVED, integrity_notices, recovery_notices
from patronus.kernel.clock import SystemClock


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_nothing_happened_says_nothing(tmp_path: Path) -> None:
    kept, run = tmp_path / "lib", tmp_path / "run"
    assert integrity_notices(kept, run) == []
    write(kept, KEPT, "")
    write(run, BAD, "\n")
    assert integrity_notices(kept, run) == []


def test_damaged_blocks_are_counted_and_the_last_is_named(tmp_path: Path) -> None:
    kept, run = tmp_path / "lib", tmp_path / "run"
    write(
        kept,
        KEPT,
        "1795690822 254:3: data block 1234 is corrupted\n1795690999 254:2: metadata block 1 is corrupted\n",
    )
    (said,) = integrity_notices(kept, run)
    assert "over a damaged block of the system: 2, last on 2026-11-26 11:03 UTC" in said
    assert "(254:2: metadata block 1 is corrupted)" in said


def test_a_system_that_failed_too_often_is_named(tmp_path: Path) -> None:
    write(tmp_path, BAD, "patronus_0.2.0+0-3.efi\n")
    (said,) = integrity_notices(tmp_path / "lib", tmp_path)
    assert said == "the system patronus_0.2.0 failed to start too often and is not used any more"


def test_a_system_that_was_not_healthy_is_named_with_what_ailed_it(tmp_path: Path) -> None:
    write(tmp_path, BAD, "patronus_0.2.0+0-3.efi\npatronus_0.3.0+0-3.efi\n")
    write(tmp_path / "lib", UNPROVED, '{"reasons": {"0.2.0": ["dhcp: silent", "dns: silent"]}}')
    unhealthy, failed = integrity_notices(tmp_path / "lib", tmp_path)
    assert "patronus_0.2.0 was not healthy (dhcp: silent; dns: silent) and is not used" in unhealthy
    assert "patronus_0.3.0 failed to start too often" in failed


def test_a_system_that_somebody_went_back_from_is_no_failure(tmp_path: Path) -> None:
    write(tmp_path, BAD, "patronus_0.2.0+0.efi\n")
    assert integrity_notices(tmp_path / "lib", tmp_path) == []


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, KEPT, "17956908\n\x00\x00\x00\n1795690822 254:3: data block 7 is corrupted\n")
    (said,) = integrity_notices(tmp_path, tmp_path / "run")
    assert "system: 1, last" in said


def test_each_start_of_recovery_is_told_and_audited_once(tmp_path: Path) -> None:
    def notices() -> list[str]:
        log = AuditLog(tmp_path / "audit.log", SystemClock())
        return recovery_notices(tmp_path, log, StateFile(tmp_path / "state.json"))

    assert notices() == []
    write(tmp_path, RECOVERY, "1795690822\n\0\0\n1795690999\n")
    (said,) = notices()
    assert "Recovery was started on 2026-11-26 11:00, 2026-11-26 11:03 UTC" in said
    assert notices() == []
    write(tmp_path, RECOVERY, "1795690822\n\0\0\n1795690999\n1795780000\n")
    (said,) = notices()
    assert "started on 2026-11-27 11:46 UTC" in said
    write(
        tmp_path, RECOVERY, "1795690822\n\0\0\n1795690999\n1795780000\n1795780000 install\n1795780000 hack\n"
    )
    (said,) = notices()
    assert said.startswith("the boot entry Install was started on 2026-11-27 11:46 UTC: ")
    assert notices() == []
    audited = (tmp_path / "audit.log").read_text()
    assert [audited.count(f'"system.{name}"') for name in ("Recovery", "InstallDialog")] == [3, 1]
