# SPDX-License-Identifier: GPL-2.0-or-later
"""Why a commit could not be fetched or believed."""

from __future__ import annotations

from patronus.core.errors import PatronusError


class Unreachable(PatronusError):
    """The repository could not be read: network, name, certificate, host key, log-in."""

    code = "RepositoryUnreachable"


class Unacceptable(PatronusError):
    """The repository could be read, and what it holds cannot be taken: signature, history, size, files."""

    code = "CommitUnacceptable"
