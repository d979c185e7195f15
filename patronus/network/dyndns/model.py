# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``network/dyndns``: names outside that lead to this router, and who is told where it is."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator, field_validator, model_validator

from patronus.core.model import Section, Strict
from patronus.core.secret import SecretRef
from patronus.core.values import (
    Account,
    Certificates,
    DomainName,
    Duration,
    Id,
    InterfaceId,
    Name,
    Port,
    Refused,
    exactly_one,
    metadata,
    parse_address,
    parse_domain_name,
    parse_url,
    shown,
    text_of,
    write_duration,
)
from patronus.dyndns.spelling import WORDS, words_of

DAY_S = 86400
REFRESH_S = (DAY_S, 365 * DAY_S)
SOME = "https://host/path"
NAME_SERVER = "a name or an address"


def parse_place(value: Any) -> str:
    """Return an https URL without an account in it. Raises Refused."""
    text = parse_url(value, ("https",))
    parts = urlsplit(text)
    if parts.username is not None or parts.password is not None:
        raise Refused("a user or password in a URL would stand in the history", SOME, "see `password`")
    return text


def parse_server(value: Any) -> str:
    """Return where a provider takes updates. Raises Refused."""
    text = parse_place(value)
    parts = urlsplit(text)
    if parts.query or parts.fragment or set(text) & set("{}"):
        hint = "what stands behind the ? is filled in by the router; other forms: see `url`"
        raise Refused(f"{shown(value)} is more than a server and a path", SOME, hint)
    return text


def parse_name_server(value: Any) -> str:
    """Return a name server's address or name. Raises Refused."""
    text = text_of(value, "a name server", NAME_SERVER)
    try:
        return str(parse_address(text))
    except Refused:
        return parse_domain_name(text)


def parse_template(value: Any) -> str:
    """Return an https URL with words to fill in. Raises Refused."""
    text = parse_place(value)
    allowed = ", ".join(f"{{{word}}}" for word in WORDS)
    unknown = [word for word in words_of(text) if word not in WORDS]
    if unknown:
        raise Refused(f"{{{shown(unknown[0])}}} is not a word that is filled in", allowed)
    if set(urlsplit(text).netloc) & set("{}"):
        raise Refused("the server is one for all: words stand behind it", f"{SOME}?name={{name}}&ip={{ipv4}}")
    left = text
    for word in WORDS:
        left = left.replace(f"{{{word}}}", "")
    if set(left) & set("{}"):
        raise Refused(f"{shown(value)} has a brace that belongs to no word", allowed)
    return text


Server = Annotated[
    str, PlainValidator(parse_server), metadata.text(SOME, "https://dyn.example/nic/update", format="uri")
]
Page = Annotated[str, PlainValidator(parse_place), metadata.text(SOME, "https://ip.example/", format="uri")]
NameServer = Annotated[str, PlainValidator(parse_name_server), metadata.text(NAME_SERVER, "ns1.example.net")]
Algorithm = Literal["hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1"]
PageTemplate = Annotated[
    str,
    PlainValidator(parse_template),
    metadata.text(
        "https://host/path with words in braces",
        "https://dyn.example/set?name={name}&ip={ipv4}&token={password}",
    ),
]


class Dyndns2(Strict):
    """The protocol that most providers speak: ``/nic/update`` with a user and a password."""

    server: Server = Field(
        description="the provider's server; without a path, /nic/update is asked",
        examples=["https://dyn.example"],
    )
    user: Account = Field(description="account at the provider; some have the name itself there")
    password: SecretRef = Field(description="password or token: one line of printable text")
    ca: Certificates | None = Field(
        default=None,
        description="certificates (PEM) that the server's must come from; else the well-known",
    )


class PageOf(Strict):
    """A page of the provider that is asked for; a 2xx status is a yes."""

    address: PageTemplate = Field(
        description="https URL in which {name}, {names}, {ipv4}, {ipv6}, {address}, {user} and {password} "
        "are filled in; with {name} it is asked for once for each"
    )
    user: Account | None = Field(
        default=None,
        description="account; sent as a log-in (Basic) unless {user} or {password} stands in the address",
    )
    password: SecretRef | None = Field(
        default=None, description="password or token: one line of printable text"
    )
    expect: Name | None = Field(
        default=None, description="text that a good answer has in it", examples=["OK"]
    )
    ca: Certificates | None = Field(
        default=None,
        description="certificates (PEM) that the server's must come from; else the well-known",
    )

    @model_validator(mode="after")
    def _has_what_it_says(self) -> PageOf:
        words = set(words_of(self.address))
        for word, given in (("user", self.user), ("password", self.password)):
            if word in words and given is None:
                raise Refused(f"the address has {{{word}}} in it, and there is none", f"a `{word}`")
        if self.user is not None and self.password is None and "user" not in words:
            raise Refused(f"{self.user} cannot log in without a password", "a `password`")
        if self.password is not None and self.user is None and "password" not in words:
            raise Refused("nothing says where the password goes", "{password} in the address, or a `user`")
        return self


class Rfc2136(Strict):
    """A name server of one's own, or one that gives keys: it is updated (RFC 2136), signed (TSIG)."""

    server: NameServer = Field(description="the name server, by its name or address; asked over TCP")
    port: Port = Field(default=53, description="port of the name server")
    zone: DomainName = Field(description="the zone that has the names in it", examples=["example.net"])
    key: DomainName = Field(description="name of the key, as the name server has it", examples=["router"])
    algorithm: Algorithm = Field(default="hmac-sha256", description="what the key signs by")
    secret: SecretRef = Field(description="the key in base64, as it stands in the name server's file")
    ttl: Duration = Field(default=60, description="how long others may keep the address")

    @field_validator("ttl")
    @classmethod
    def _fits(cls, seconds: int) -> int:
        if not 1 <= seconds <= DAY_S:
            raise Refused(
                f"{write_duration(seconds)} is too {'short' if seconds < 1 else 'long'}", "1s to 1d"
            )
        return seconds


class OutsideName(Strict):
    """Names outside that lead to this router, all told to one provider at once."""

    id: Id = Field(description="stable name of the entry")
    hostnames: Annotated[tuple[DomainName, ...], Field(min_length=1, max_length=20)] = Field(
        description="the names", examples=[["home.example.net"]]
    )
    interface: InterfaceId | None = Field(
        default=None,
        description="whose address is told; left out: that of the uplink by which new connections leave",
    )
    tell: Literal["ipv4", "ipv6", "both"] = Field(default="ipv4", description="which addresses are told")
    address_from: Page | None = Field(
        default=None,
        description="https page that says from which IPv4 address one comes, asked where the uplink's own "
        "leads nowhere outside (10.0.0.0/8, 100.64.0.0/10 and so on); left out: nothing is told then",
    )
    address_from_ca: Certificates | None = Field(
        default=None, description="certificates (PEM) that this page's must come from; else the well-known"
    )
    refresh: Duration = Field(
        default=28 * DAY_S,
        description="told again after this time even if nothing changed: some providers let names expire",
    )
    dyndns2: Dyndns2 | None = Field(default=None, description="told by /nic/update (dyndns2)")
    url: PageOf | None = Field(default=None, description="told by asking for a page")
    rfc2136: Rfc2136 | None = Field(default=None, description="told by an update of a name server")
    enabled: bool = Field(default=True, description="false: nobody is told")

    @field_validator("refresh")
    @classmethod
    def _in_bounds(cls, seconds: int) -> int:
        least, most = REFRESH_S
        if not least <= seconds <= most:
            allowed = f"{write_duration(least)} to {write_duration(most)}"
            raise Refused(
                f"{write_duration(seconds)} is too {'short' if seconds < least else 'long'}", allowed
            )
        return seconds

    @model_validator(mode="after")
    def _is_told_in_one_way(self) -> OutsideName:
        exactly_one(
            f"{self.id} does not say how its provider is told",
            dyndns2=self.dyndns2,
            url=self.url,
            rfc2136=self.rfc2136,
        )
        return self

    @property
    def password(self) -> SecretRef | None:
        """Return the secret that the provider knows us by."""
        if self.rfc2136 is not None:
            return self.rfc2136.secret
        return next((part.password for part in (self.dyndns2, self.url) if part is not None), None)


class Dyndns(Strict):
    """Names outside that lead to this router; without any nobody is told anything."""

    names: Annotated[tuple[OutsideName, ...], Field(max_length=64)] = Field(
        default=(), description="the names and their providers"
    )


SECTION = Section("network/dyndns", Dyndns)
