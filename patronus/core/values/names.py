# SPDX-License-Identifier: GPL-2.0-or-later
"""Names: of items, zones, interfaces, hosts, domains, time zones and URLs. All are ``str`` inside."""

from __future__ import annotations

import re
import zoneinfo
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import PlainValidator

from patronus.core.values import metadata
from patronus.core.values.refusal import Refused, shown, text_of

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_ID_ALLOWED = "a-z, 0-9 and -, at most 32 characters, not starting with -"
_INTERFACE = re.compile(r"[a-z0-9][a-z0-9-]{0,14}")
_INTERFACE_ALLOWED = "a-z, 0-9 and -, at most 15 characters, not starting with -"
_INTERFACE_RESERVED = frozenset({"lo", "all", "default"})
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SERVICE_LABEL = re.compile(r"_?[a-z0-9]([a-z0-9_-]{0,60}[a-z0-9])?")
_HOST_ALLOWED = "letters, digits and -, at most 63 characters"
_DOMAIN_ALLOWED = "labels of letters, digits and -, joined by dots, at most 253 characters"
_ZONE_ALLOWED = "a name of the tz database, such as Europe/Berlin or UTC"
_NAME_LIMIT = 128
_ACCOUNT = re.compile(r"[!-9;-~]{1,128}")
"""RFC 7617 section 2: no colon. Printable, so that nothing else is smuggled into a header."""
_ACCOUNT_ALLOWED = "printable, without spaces and colons, 128 characters at most"
_ZONE_NAME = re.compile(r"[A-Za-z0-9+_-]+(/[A-Za-z0-9+_-]+)*")


def _suggest(value: str, pattern: re.Pattern[str], limit: int) -> str | None:
    candidate = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:limit].rstrip("-")
    return f"did you mean {candidate}?" if candidate != value and pattern.fullmatch(candidate) else None


def parse_id(value: Any) -> str:
    """Return an item's id: ``r-7f3a``. Raises Refused."""
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    text = text_of(value, "an id", _ID_ALLOWED)
    if not _ID.fullmatch(text):
        raise Refused(f"{shown(value)} is not an id", _ID_ALLOWED, _suggest(text, _ID, 32))
    return text


def parse_interface_id(value: Any) -> str:
    """Return a role's id that may serve as the kernel's name (netdevice(7), 15 bytes). Raises Refused."""
    text = text_of(value, "an interface id", _INTERFACE_ALLOWED)
    if text in _INTERFACE_RESERVED:
        raise Refused(f"{text} is a name that the kernel keeps for itself", "any but lo, all, default")
    if not _INTERFACE.fullmatch(text):
        hint = _suggest(text, _INTERFACE, 15)
        raise Refused(f"{shown(value)} is not an interface id", _INTERFACE_ALLOWED, hint)
    return text


def parse_name(value: Any) -> str:
    """Return a name for people: one line of printable text. Raises Refused."""
    allowed = f"one line of text, 1 to {_NAME_LIMIT} characters"
    text = text_of(value, "a name", allowed)
    if not 1 <= len(text) <= _NAME_LIMIT or not text.isprintable():
        raise Refused(f"{shown(value) or 'an empty text'} is not a name", allowed)
    return text


def parse_hostname(value: Any) -> str:
    """Return one host label in lower case (RFC 1123 section 2.1). Raises Refused."""
    text = text_of(value, "a host name", _HOST_ALLOWED).lower()
    if not _LABEL.fullmatch(text):
        hint = "give the part before the first dot" if "." in text else None
        raise Refused(f"{shown(value)} is not a host name", _HOST_ALLOWED, hint)
    return text


def parse_domain_name(value: Any) -> str:
    """Return a domain name in lower case, without the final dot (RFC 1035 section 2.3.4). Raises Refused.

    Labels may start with an underscore, as services do (RFC 8552).
    """
    text = text_of(value, "a domain name", _DOMAIN_ALLOWED).lower().removesuffix(".")
    labels = text.split(".")
    if len(text) > 253 or not all(_SERVICE_LABEL.fullmatch(label) for label in labels):
        raise Refused(f"{shown(value)} is not a domain name", _DOMAIN_ALLOWED, _domain_hint(text))
    if labels[-1].isdigit():
        raise Refused(f"{shown(value)} is not a domain name", _DOMAIN_ALLOWED, "it looks like an address")
    return text


def _domain_hint(text: str) -> str | None:
    if "://" in text:
        return "give the name alone, not a URL"
    if not text.isascii():
        return "write it in its xn-- form (RFC 5891)"
    return None


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def parse_time_zone(value: Any) -> str:
    """Return a zone of the tz database, ``Europe/Berlin``; by form alone where no database is installed."""
    text = text_of(value, "a time zone", _ZONE_ALLOWED)
    known = _time_zones()
    if not _ZONE_NAME.fullmatch(text) or (known and text not in known):
        close = get_close_matches(text, known, 1)
        hint = f"did you mean {close[0]}?" if close else None
        raise Refused(f"{shown(value)} is not a time zone", _ZONE_ALLOWED, hint)
    return text


def parse_url(value: Any, schemes: tuple[str, ...] = ("https", "http")) -> str:
    """Return an absolute URL of one of the schemes, with a host (RFC 3986 section 3). Raises Refused."""
    allowed = f"{' or '.join(schemes)}://host/…"
    text = text_of(value, "a URL", allowed)
    try:
        parts = urlsplit(text)
        usable = bool(parts.scheme in schemes and parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not text.isprintable() or " " in text:
        bare = text and "://" not in text and " " not in text
        hint = f"did you mean {schemes[0]}://{text}?" if bare else None
        raise Refused(f"{shown(value)} is not a URL", allowed, hint)
    return text


def parse_account(value: Any) -> str:
    """Return the name by which one logs in at a server of others. Raises Refused."""
    text = text_of(value, "the name of an account", _ACCOUNT_ALLOWED)
    if not _ACCOUNT.fullmatch(text):
        raise Refused(f"{shown(value)} is not the name of an account", _ACCOUNT_ALLOWED)
    return text


Id = Annotated[str, PlainValidator(parse_id), metadata.text(_ID_ALLOWED, "r-7f3a", pattern=_ID.pattern)]
"""The stable name of a list item."""
ZoneId = Id
"""The name of a firewall zone; that ``self`` is the router is for the firewall's check to say."""
InterfaceId = Annotated[
    str,
    PlainValidator(parse_interface_id),
    metadata.text(_INTERFACE_ALLOWED, "lan", pattern=_INTERFACE.pattern),
]
"""The role of an interface."""
Name = Annotated[
    str,
    PlainValidator(parse_name),
    metadata.text("one line of text", "the printer", minLength=1, maxLength=_NAME_LIMIT),
]
"""A name for people."""
Hostname = Annotated[
    str,
    PlainValidator(parse_hostname),
    metadata.text(_HOST_ALLOWED, "printer", pattern="[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"),
]
"""One host label."""
DomainName = Annotated[
    str,
    PlainValidator(parse_domain_name),
    metadata.text(_DOMAIN_ALLOWED, "home.arpa", pattern=r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9.])?"),
]
"""A domain name."""
TimeZone = Annotated[
    str,
    PlainValidator(parse_time_zone),
    metadata.text(_ZONE_ALLOWED, "Europe/Berlin", pattern=_ZONE_NAME.pattern),
]
"""A zone of the tz database."""
Url = Annotated[
    str,
    PlainValidator(parse_url),
    metadata.text("https://host/… or http://host/…", "https://lists.example/ads.txt", format="uri"),
]
"""An http or https URL; other schemes: ``parse_url(value, schemes)`` in a validator of your own."""
Account = Annotated[str, PlainValidator(parse_account), metadata.text("an account at the server", "router")]
"""The name by which one logs in at a server of others."""
