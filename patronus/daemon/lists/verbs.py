# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about lists: parameters and results of the verbs. Pure."""

from __future__ import annotations

from pydantic import Field

from patronus.core.verb import Parameters, Result


class ListInfo(Result):
    """One list that the configuration names by a URL, and how it stands."""

    url: str
    content: str = Field(description="addresses or names")
    used_by: list[str] = Field(description="parts of the configuration that name it")
    refresh_s: int = Field(description="seconds between two looks at the server")
    entries: int = Field(description="entries of the list that is in use")
    good: float | None = Field(
        default=None, description="when it was last seen to be current, seconds since the epoch; null: never"
    )
    changed: float | None = Field(default=None, description="when it was last another than before")
    due_in_s: float = Field(description="seconds until it is looked at again")
    error: str | None = Field(default=None, description="why the last look came to nothing; the list stays")


class ListStatus(Result):
    """All lists, and whether some are being brought in."""

    running: bool
    lists: list[ListInfo]
    fault: str | None = Field(default=None, description="why nothing can be brought in, null where it can")


class Refresh(Parameters):
    """Which list to bring in now."""

    url: str | None = Field(
        default=None, max_length=2000, description="its URL; all of them, and the files, if left out"
    )
