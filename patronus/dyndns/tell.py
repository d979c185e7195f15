# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells providers, one entry after the other; what goes wrong with one is noted, and keeps no other back."""

from __future__ import annotations

import logging
import os
import socket
import time
from base64 import b64decode
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from urllib.parse import quote, urlencode

from patronus.core.errors import NotFound, PatronusError, Unavailable
from patronus.dyndns import answers, spelling
from patronus.dyndns.answers import Meaning
from patronus.dyndns.task import Dyndns2, Outcome, Report, Rfc2136, Telling, Template, Way, handed, report
from patronus.dyndns.update import Key, Unsigned, refusal, request
from patronus.kernel.https_way import ask
from patronus.kernel.way_out import From, exchange

log = logging.getLogger("patronus-dyndns")

AGENT = "Patronus - dyndns - 1.0"
"""Program, model and version: providers refuse clients that do not say who they are."""
UPDATE = "/nic/update"


def run(task_file: Path, report_file: Path) -> int:
    """Do the task that patronusd wrote; return how many could not be told. Raises NotFound, StorageError."""
    task = handed(task_file)
    if task is None:
        raise NotFound("there is no task: patronusd starts this program")
    outcomes = tuple(tell(one) for one in task.tellings)
    report(report_file, Report(number=task.number, outcomes=outcomes))
    return sum(one.verdict not in ("told", "same") for one in outcomes)


def tell(one: Telling) -> Outcome:
    """Tell the provider of one entry; return what came of it, in which no secret stands."""
    try:
        told = one if one.ask is None else _asked(one)
        same = told.known and (told.ipv4, told.ipv6) == told.known
        meaning = Meaning("same", "", "the address is the one that the provider has") if same else _told(told)
    except PatronusError as error:
        told, meaning = one, Meaning("failed", "", str(error))
    log.info("%s: %s: %s (%s)", one.id, meaning.verdict, meaning.words, meaning.answer)
    return Outcome(
        id=one.id, verdict=meaning.verdict, answer=meaning.answer, words=meaning.words,
        ipv4=told.ipv4, ipv6=told.ipv6,
    )  # fmt: skip


def _asked(one: Telling) -> Telling:
    """Return the telling with the address by which the outside sees this router. Raises Unavailable."""
    found = ask(str(one.ask), _leaving(one.way, socket.AF_INET), ca=one.ask_ca, agent=AGENT)
    text = answers.address_in(found.body) if 200 <= found.status < 300 else None
    try:
        return one.model_copy(update={"ipv4": IPv4Address(text or "")})
    except AddressValueError:
        raise Unavailable(
            f"the page that should say the outside address answers {found.status}, and no address alone"
        ) from None


def _told(one: Telling) -> Meaning:
    if one.dyndns2 is not None:
        return _by_dyndns2(one, one.dyndns2)
    if one.rfc2136 is not None:
        return _by_update(one, one.rfc2136)
    assert one.url is not None
    return _by_page(one, one.url)


def _by_dyndns2(one: Telling, how: Dyndns2) -> Meaning:
    addresses = ",".join(str(address) for address in (one.ipv4, one.ipv6) if address is not None)
    query = urlencode({"hostname": ",".join(one.hostnames), "myip": addresses}, safe=",:", quote_via=quote)
    path = "" if how.server.partition("://")[2].partition("/")[2] else UPDATE
    url = f"{how.server.rstrip('/')}{path}?{query}"
    answer = ask(url, _leaving(one.way), ca=how.ca, login=(how.user, how.password), agent=AGENT)
    body = answers.without(answer.body, [how.password])
    return answers.of_dyndns2(answer.status, body, len(one.hostnames))


def _by_page(one: Telling, how: Template) -> Meaning:
    """Ask for the page of each name; the first that is not taken is what came of all."""
    ipv4, ipv6 = (str(address or "") for address in (one.ipv4, one.ipv6))
    user, password = how.user or "", how.password or ""
    in_words = set(spelling.words_of(how.address))
    login = (user, password) if how.user and not in_words & {"user", "password"} else None
    found = Meaning("failed", "", "there is no name to tell")
    for url in spelling.pages(how.address, one.hostnames, ipv4, ipv6, user, password):
        answer = ask(url, _leaving(one.way), ca=how.ca, login=login, agent=AGENT)
        found = answers.of_page(answer.status, answers.without(answer.body, [password]), how.expect)
        if found.verdict != "told":
            break
    return found


def _by_update(one: Telling, how: Rfc2136) -> Meaning:
    """Update a name server. Who refuses is asked again: it is one's own, and blocks nobody."""
    key = Key(how.key, how.algorithm, b64decode(how.secret))
    addresses = [address for address in (one.ipv4, one.ipv6) if address is not None]
    number = int.from_bytes(os.urandom(2))
    asked = request(key, how.zone, one.hostnames, addresses, how.ttl, number, int(time.time()))
    answer = exchange(how.server, how.port, _leaving(one.way), asked.message)
    try:
        refused = refusal(answer, asked, key, int(time.time()))
    except Unsigned as error:
        refused = str(error)
    return Meaning("failed", "", refused) if refused else Meaning("told", "NOERROR", "the name server has it")


def _leaving(way: Way, only: socket.AddressFamily | None = None) -> From:
    """Return how to leave; who sees by which address of IPv4 one comes must be reached by IPv4."""
    given = {socket.AF_INET: way.source4, socket.AF_INET6: way.source6}
    sources = {family: str(address) for family, address in given.items() if address is not None}
    return From(way.device, sources, only)
