# SPDX-License-Identifier: GPL-2.0-or-later
"""What a build leaves beside the disk: the compressed download, an SBOM, SHA256SUMS; and whether it fits."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path

from image.gpt import erofs_bytes, partitions
from image.host import BuildError, run
from image.stage import version
from image.trees import tool

MB = 1000 * 1000
# MB of the compressed download, of the root slot that is used, and of the initrd; debug has no budget.
BUDGETS = {"minimal": (120, 200, 30), "standard": (160, 300, 30), "full": (280, 600, 30)}
MEASURED = ("download", "root slot used", "initrd")


def describe(profile: str, folder: Path) -> None:
    """Write download, SBOM and sums into the folder; print the sizes. Raises BuildError beyond the budget."""
    disk = folder / f"patronus_{version()}.raw"
    download = disk.with_suffix(".raw.zst")
    run([*tool("zstd"), "-q", "-f", "-9", "--long=27", "-T0", disk, "-o", download])
    manifest = folder / f"patronus_{version()}.manifest"
    disk.with_suffix(".cdx.json").write_text(json.dumps(sbom(json.loads(manifest.read_text())), indent=1))
    _write_sums(folder)
    check_budget(profile, measured(disk))


def measured(disk: Path) -> tuple[int, int, int]:
    """Return the bytes of ``MEASURED`` of a disk that was built and described."""
    root = next(part for part in partitions(disk) if part.label == f"patronus_{version()}")
    download, initrd = disk.with_suffix(".raw.zst"), disk.with_suffix(".initrd")
    return download.stat().st_size, erofs_bytes(disk, root), initrd.stat().st_size


def check_budget(profile: str, sizes: tuple[int, int, int]) -> None:
    """Print each size, in bytes given, beside its budget. Raises BuildError for one that is beyond."""
    budget = BUDGETS.get(profile)
    beyond = []
    for place, (name, size) in enumerate(zip(MEASURED, sizes, strict=True)):
        allowed = f"of {budget[place]} MB" if budget else "(no budget)"
        print(f"   {profile} {name}: {size / MB:.1f} MB {allowed}", flush=True)
        if budget and size > budget[place] * MB:
            beyond.append(name)
    if beyond:
        raise BuildError(f"profile {profile} is beyond its budget: {', '.join(beyond)}")


def sbom(manifest: dict[str, list[dict[str, str]]]) -> dict[str, object]:
    """Return mkosi's manifest as a CycloneDX 1.6 bill of materials; equal manifests give equal bills."""
    components = [
        {
            "type": "library",
            "bom-ref": f"{package['name']}@{package['version']}",
            "name": package["name"],
            "version": package["version"],
            "purl": f"pkg:deb/debian/{package['name']}@{package['version']}?arch={package['architecture']}",
        }
        for package in manifest["packages"]
    ]
    identity = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(components))
    subject = {"type": "operating-system", "bom-ref": "patronus", "name": "patronus", "version": version()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": identity.urn,
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
    }


def _write_sums(folder: Path) -> None:
    """Write SHA256SUMS over everything that a person could download."""
    names = [path for path in sorted(folder.glob(f"patronus_{version()}.*")) if path.is_file()]
    lines = []
    for path in names:
        with path.open("rb") as handle:
            lines.append(f"{hashlib.file_digest(handle, 'sha256').hexdigest()}  {path.name}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))
