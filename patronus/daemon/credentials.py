# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine's owner gave at build or boot, as systemd system credentials (systemd.exec(5)).

``patronus.password``            the first administrator's password, plain or as an Argon2 hash.
``patronus.reset-accounts``      any text: the accounts are lost, and set-up with the code on the console
                                 begins anew. It counts once; another text is another reset.
``patronus.file.<section>``      a file of the first configuration, dots for slashes:
                                 ``patronus.file.network.interfaces`` is ``network/interfaces.yaml``.
                                 A third part names the suffix: ``patronus.file.patronus.toml``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PASSWORD = "patronus.password"  # noqa: S105 - the credential's name
RESET = "patronus.reset-accounts"
FILE_PREFIX = "patronus.file."
SUFFIXES = ("yaml", "toml", "json")


def read() -> dict[str, str]:
    """Return credential name → text, for all that systemd gave this process.

    Bytes that are not UTF-8 become lone surrogates, which every reader refuses in words.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return {}
    return {
        path.name: path.read_bytes().decode(errors="surrogateescape")
        for path in sorted(Path(folder).iterdir())
        if path.is_file()
    }


def first_files(credentials: Mapping[str, str], default_suffix: Mapping[str, str]) -> dict[str, str]:
    """Return file name → text of the configuration files among the credentials.

    ``default_suffix`` maps a section's path to the suffix of a file whose credential names none.
    """
    files = {}
    for name, text in credentials.items():
        if name.startswith(FILE_PREFIX):
            files[_file_name(name.removeprefix(FILE_PREFIX), default_suffix)] = text
    return files


def _file_name(dotted: str, default_suffix: Mapping[str, str]) -> str:
    stem, _, suffix = dotted.rpartition(".")
    if stem and suffix in SUFFIXES:
        return f"{stem.replace('.', '/')}.{suffix}"
    section = dotted.replace(".", "/")
    return section + default_suffix.get(section, ".yaml")
