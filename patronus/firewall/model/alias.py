# SPDX-License-Identifier: GPL-2.0-or-later
"""Aliases: names for addresses or ports that stand in the file, or for addresses that are found elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator, field_validator, model_validator

from patronus.core.model import Strict
from patronus.core.values import (
    Certificates,
    Country,
    DomainName,
    Duration,
    Id,
    Name,
    Ports,
    Refused,
    exactly_one,
    metadata,
    parse_url,
    shown,
    text_of,
    write_duration,
)
from patronus.firewall.model.match import LiteralAddresses

LISTS_FOLDER = "/etc/patronus/lists"
"""Where lists lie that are files of this router."""
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FILE_ALLOWED = f"the name of a file in {LISTS_FOLDER}"
SHORTEST_S, LONGEST_S = 300, 30 * 86400


def parse_list_url(value: Any) -> str:
    """Return the https URL of a list. Raises Refused."""
    text = parse_url(value, ("https",))
    parts = urlsplit(text)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Refused("a user, a password or a #part has no place in the URL of a list", "https://host/path")
    return text


def parse_list_file(value: Any) -> str:
    """Return the name of a file in the folder of lists; its whole path means the same. Raises Refused."""
    text = text_of(value, "a file", _FILE_ALLOWED).removeprefix(f"{LISTS_FOLDER}/")
    if not _FILE.fullmatch(text):
        raise Refused(f"{shown(value)} is not {_FILE_ALLOWED}", _FILE_ALLOWED)
    return text


class AddressList(Strict):
    """A list of addresses that others keep, by URL, or that lies on this router as a file."""

    url: (
        Annotated[
            str,
            PlainValidator(parse_list_url),
            metadata.text("https://host/path", "https://lists.example/bad.txt", format="uri"),
        ]
        | None
    ) = Field(default=None, description="where it is fetched from")
    file: Annotated[str, PlainValidator(parse_list_file), metadata.text(_FILE_ALLOWED, "bad.txt")] | None = (
        Field(default=None, description=f"{_FILE_ALLOWED}; it is read again when it changes")
    )
    refresh: Duration | None = Field(default=None, description="how often a URL is looked at; left out: 24h")
    ca: Certificates | None = Field(
        default=None,
        description="certificates (PEM) that the server's must come from; else a well-known authority's",
    )

    @field_validator("refresh")
    @classmethod
    def _in_bounds(cls, seconds: int | None) -> int | None:
        if seconds is not None and not SHORTEST_S <= seconds <= LONGEST_S:
            allowed = f"{write_duration(SHORTEST_S)} to {write_duration(LONGEST_S)}"
            short = "short" if seconds < SHORTEST_S else "long"
            raise Refused(f"{write_duration(seconds)} is too {short}", allowed)
        return seconds

    @model_validator(mode="after")
    def _is_one_thing(self) -> AddressList:
        exactly_one("a list comes from one place", url=self.url, file=self.file)
        if self.file is not None and (self.refresh is not None or self.ca is not None):
            raise Refused("a file is read when it changes, from nobody else", "refresh and ca go with url")
        return self


KINDS = ("addresses", "ports", "list", "names", "countries")
MOST_NAMES = 32
COUNTRIES_FILE = "countries.csv"
"""The file in the folder of lists that says which addresses are of which country."""


class Alias(Strict):
    """A name for addresses or for ports, used as ``@id``. One that is empty matches nothing."""

    id: Id = Field(description="name, used as @name")
    addresses: LiteralAddresses | None = Field(default=None, description="prefixes, addresses and ranges")
    ports: Ports | None = Field(default=None, description="ports and ranges")
    list_: AddressList | None = Field(
        default=None, alias="list", description="addresses of a list that is kept elsewhere"
    )
    names: Annotated[tuple[DomainName, ...], Field(min_length=1, max_length=MOST_NAMES)] | None = Field(
        default=None, description="hosts by name; asked for again and again", examples=[["nas.home.arpa"]]
    )
    countries: Annotated[tuple[Country, ...], Field(min_length=1)] | None = Field(
        default=None,
        description=f"addresses of these countries, by {LISTS_FOLDER}/{COUNTRIES_FILE}",
        examples=[["DE", "AT"]],
    )
    description: Name | None = Field(default=None, description="for people")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Alias:
        given = [kind for kind, value in self._kinds() if value is not None]
        if len(given) != 1:
            found = " and ".join(given) or "nothing"
            raise Refused(f"the alias {self.id} has {found}", "exactly one of " + ", ".join(KINDS))
        return self

    def _kinds(self) -> Iterator[tuple[str, object]]:
        yield from zip(
            KINDS, (self.addresses, self.ports, self.list_, self.names, self.countries), strict=True
        )

    @property
    def holds(self) -> str:
        """Return what it stands for: addresses or ports."""
        return "addresses" if self.ports is None else "ports"

    @property
    def kind(self) -> str:
        """Return the key that it has."""
        return next(kind for kind, value in self._kinds() if value is not None)

    @property
    def source(self) -> str:
        """Return where the addresses of one that lives come from, for people."""
        if self.list_ is not None:
            return self.list_.url or f"{LISTS_FOLDER}/{self.list_.file}"
        return ", ".join(self.names or self.countries or ())

    @property
    def lives(self) -> bool:
        """Whether its addresses come from elsewhere, and change while the files do not."""
        return self.kind not in ("addresses", "ports")
