# SPDX-License-Identifier: GPL-2.0-or-later
"""Write what the code makes now into the golden folders: ``python3 -m tests.golden.rewrite``."""

from __future__ import annotations

from tests.golden.case import cases


def main() -> None:
    """Rewrite every folder, and remove outputs that are no longer made."""
    for case in cases():
        outputs = case.outputs
        for name in ("messages.txt", "ruleset.json"):
            path = case.folder / name
            if name in outputs:
                path.write_text(outputs[name])
            else:
                path.unlink(missing_ok=True)
        print(
            case.folder.name, ", ".join(f"{name} {len(text.splitlines())}" for name, text in outputs.items())
        )


if __name__ == "__main__":
    main()
