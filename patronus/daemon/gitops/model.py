# SPDX-License-Identifier: GPL-2.0-or-later
"""The section ``gitops``: which repository, who must have signed, and what happens with a new commit."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator, ValidationInfo, field_validator

from patronus.core.model import Section, Strict
from patronus.core.secret import SecretRef
from patronus.core.values import (
    Account,
    Certificates,
    Duration,
    Refused,
    metadata,
    parse_url,
    shown,
    text_of,
    write_duration,
)

_KEY = r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]{16,}={0,3}"
_HOST_KEY = re.compile(_KEY)
_SIGNER = re.compile(rf"[A-Za-z0-9._@+-]{{1,128}} {_KEY}")
_BRANCH = re.compile(r"(?!.*(\.\.|//|@\{|/\.|\.lock(/|$)))[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}(?<![./])")
_FOLDER = re.compile(r"(?!.*(^|/)\.{1,2}(/|$))[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,15}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_SOME_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIJ0k2s8mXQ0yZQvSxk3Vw1r5uYc7dE9bTq4nPzK6hLmF"
BOUNDS_S = {"interval": (60, 86400), "confirm": (10, 3600)}


def parse_repository_url(value: Any) -> str:
    """Return the URL of a repository. Raises Refused."""
    allowed = "https://host/path or ssh://user@host/path"
    text = parse_url(value, ("https", "ssh"))
    parts = urlsplit(text)
    if parts.password is not None or (parts.scheme == "https" and parts.username is not None):
        raise Refused("a password or user in a URL would stand in the history", allowed, "see `login`")
    if parts.query or parts.fragment or len(parts.path) < 2:
        raise Refused(f"{shown(value)} is not the URL of a repository", allowed)
    if parts.scheme == "ssh" and not _USER.fullmatch(parts.username or ""):
        raise Refused(f"{shown(value)} names no user to log in as", allowed, "most servers want git@")
    return text


def _matching(pattern: re.Pattern[str], what: str, allowed: str) -> Any:
    def parse(value: Any) -> str:
        text = text_of(value, what, allowed)
        if not pattern.fullmatch(text):
            raise Refused(f"{shown(value)} is not {what}", allowed)
        return text

    return PlainValidator(parse)


RepositoryUrl = Annotated[
    str,
    PlainValidator(parse_repository_url),
    metadata.text(
        "https://host/path or ssh://user@host/path", "ssh://git@git.example/home.git", format="uri"
    ),
]
Branch = Annotated[
    str,
    _matching(_BRANCH, "the name of a branch", "git-check-ref-format(1)"),
    metadata.text("a branch", "main"),
]
Folder = Annotated[
    str,
    _matching(_FOLDER, "a folder inside the repository", "sites/home"),
    metadata.text("a folder inside the repository", "sites/home"),
]
HostKey = Annotated[
    str,
    _matching(_HOST_KEY, "a public host key", "ssh-ed25519 AAAA…"),
    metadata.text("kind and key, as in known_hosts", f"ssh-ed25519 {_SOME_KEY}"),
]
Signer = Annotated[
    str,
    _matching(_SIGNER, "a signer", "ann@home.example ssh-ed25519 AAAA…"),
    metadata.text("name, kind and key", f"ann@home.example ssh-ed25519 {_SOME_KEY}"),
]


class LogIn(Strict):
    """How the router logs in at an https server; over ssh it does so by a key of its own."""

    user: Account = Field(
        default="git", description="account; where a server takes an access token alone, any name will do"
    )
    password: SecretRef = Field(description="password or access token: one line of printable text")


class GitOps(Strict):
    """The git repository that the configuration comes from; without a URL nothing is fetched."""

    url: RepositoryUrl | None = Field(
        default=None, description="the repository: https://host/path, or ssh://user@host/path"
    )
    branch: Branch = Field(default="main", description="the branch whose newest commit is wanted")
    folder: Folder | None = Field(
        default=None, description="folder that holds the files as in /etc/patronus; without it, the top"
    )
    interval: Duration = Field(default=300, description="how often to look for a new commit")
    mode: Literal["report", "apply"] = Field(
        default="report", description="apply a new commit by itself, or only say what it would change"
    )
    on_drift: Literal["report", "restore"] = Field(
        default="report",
        description="when files that came from the repository were changed here: say so, or put them back",
    )
    confirm: Duration = Field(
        default=90,
        description="an applied commit that is not found healthy in this time reverts",
    )
    signers: tuple[Signer, ...] = Field(
        default=(),
        max_length=64,
        description="who may sign, `name key`; where any is given, the newest commit must be signed by one",
    )
    rewind: bool = Field(
        default=False, description="accept a branch whose history no longer holds the commit that was applied"
    )
    known_hosts: tuple[HostKey, ...] = Field(
        default=(), max_length=16, description="public keys of an ssh server; it must have one of them"
    )
    login: LogIn | None = Field(
        default=None, description="how to log in at an https server; without it the repository is open to all"
    )
    ca: Certificates | None = Field(
        default=None,
        description="certificates (PEM) that an https server's must come from; else the well-known",
    )

    @field_validator("interval", "confirm")
    @classmethod
    def _in_bounds(cls, seconds: int, info: ValidationInfo) -> int:
        least, most = BOUNDS_S[str(info.field_name)]
        if not least <= seconds <= most:
            allowed = f"{write_duration(least)} to {write_duration(most)}"
            raise Refused(
                f"{write_duration(seconds)} is too {'short' if seconds < least else 'long'}", allowed
            )
        return seconds

    @property
    def is_ssh(self) -> bool:
        """Whether the repository is reached over ssh."""
        return self.url is not None and self.url.startswith("ssh://")


SECTION = Section("gitops", GitOps)
