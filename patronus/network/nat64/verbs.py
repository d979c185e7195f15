# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be asked about the translator: results of its verb. Pure."""

from __future__ import annotations

from pydantic import Field

from patronus.core.verb import Result


class TranslatedHost(Result):
    """A host of IPv6, and the address of the pool by which it is known behind the translator."""

    ipv6: str
    ipv4: str


class Nat64Status(Result):
    """The translator between IPv6 and IPv4."""

    interface: str | None = Field(description="interface of the translator; null: there is none")
    prefix: str | None = Field(description="prefix of IPv6 that addresses of IPv4 follow")
    pool: str | None = Field(description="addresses of IPv4 for hosts, each of which takes one")
    running: bool
    reason: str | None = Field(description="why it does not run where it should")
    hosts: list[TranslatedHost] = Field(description="hosts that were translated, by address of the pool")
