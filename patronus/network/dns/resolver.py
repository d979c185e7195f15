# SPDX-License-Identifier: GPL-2.0-or-later
"""From a question to its answer: local names, lists, cache, upstream. Time and sockets are handed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from patronus.core.embedded import WELL_KNOWN
from patronus.network.dns.answer import Answer, from_response
from patronus.network.dns.cache import Cache
from patronus.network.dns.config import LeaseName, ServerConfig
from patronus.network.dns.dns64 import Finish
from patronus.network.dns.names import MalformedMessage, parents, wire_name
from patronus.network.dns.rebinding import private_address
from patronus.network.dns.sources import Sources
from patronus.network.dns.upstream import Question, Resolution, Transport
from patronus.network.dns.view import Lists, View, views
from patronus.network.dns.wire import (
    CLASS_IN,
    STREAM_SIZE,
    Flag,
    Query,
    Rcode,
    Response,
    Type,
    error_reply,
    name_of,
    parse_response,
)

LOCAL_ANSWERS = 20_000
"""Local answers that are kept ready at most; a flood of invented names must not fill the memory."""
UNDER_WAY = 2_000
"""Questions to upstream at one time; past that the client gets a stale answer, or is told SERVFAIL."""
STALE_WAIT_S = 1.8
"""How long a client waits before it gets a stale answer (RFC 8767 section 5)."""
PREFETCH_S = 10
"""Answers that live shorter are not asked for before they end."""
RETRY_S = 30.0
"""How long a stale answer serves at once after upstream failed to answer (RFC 8767 section 5)."""

Respond = Callable[[bytes], None]


class _Waiting:
    """Those who wait for one answer from upstream, and the epoch in which it was asked for."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.clients: list[tuple[Query, int, Respond]] = []


class Resolver:
    """Answers queries. One for each server process; ``epoch`` says when earlier answers no longer hold."""

    def __init__(self, cache: Cache, transport: Transport) -> None:
        self.cache = cache
        self.counters: Counter[str] = Counter()
        self.epoch = 0
        self._flushed = 0
        self.sources = Sources()
        self._transport = transport
        self._config = ServerConfig()
        self._leases: tuple[LeaseName, ...] = ()
        self.lists: Lists = {}
        self._views: list[View] = list(views(self._config, (), {}))
        self._translated = [WELL_KNOWN]
        self._private: set[bytes] = set()
        self._local: dict[bytes, Answer] = {}
        self._waiting: dict[bytes, _Waiting] = {}

    def configure(self, config: ServerConfig) -> None:
        """Go on with another configuration; answers that stay valid stay, see ``_holds``."""
        self._config = config
        self._private = {wire_name(domain) for domain in config.private_domains}
        self.sources.replace(config)
        self.cache.resize(config.cache_size, config.serve_stale_s)
        self._rebuild()

    def block(self, lists: Lists) -> None:
        """Go on with other blocklists; what of them is in the cache is given to nobody whom they hold for."""
        self.lists = lists
        self._rebuild()

    def blocks(self, query: Query) -> bool:
        """Return whether a list that holds for the client has the name; no policy may be there any more."""
        return query.view < len(self._views) and self._views[query.view].blocks(query.name)

    def flush(self) -> int:
        """Forget all answers of upstream servers; return how many they were."""
        self.epoch = self._flushed = self.epoch + 1
        return self.cache.flush()

    def know_leases(self, leases: Iterable[LeaseName]) -> None:
        """Answer with these hosts' names from now on, in the place of those known before."""
        self._leases = tuple(leases)
        self._rebuild()

    def _rebuild(self) -> None:
        leases = self._leases if self._config.lease_names else ()
        self._views = list(views(self._config, leases, self.lists))
        self._translated = [WELL_KNOWN, *(one.translation.prefix for one in self._views if one.translation)]
        self._local.clear()
        self.epoch += 1

    def answer(self, query: Query, limit: int, respond: Respond) -> None:
        """Answer the query through ``respond``, at once or later; ``limit`` is the reply's size in bytes."""
        now_s = self._transport.now()
        known = self.find(query, now_s)
        if known is not None:
            respond(known.reply(query, now_s, limit))
        else:
            self.resolve(query, limit, respond)

    def find(self, query: Query, now_s: float) -> Answer | None:
        """Return the answer that is there already; what is an error at once has none (RFC 6891 6.1.3)."""
        if query.rcode:
            return None
        key = self._key(query)
        known = self._local.get(key)
        if known is None:
            kept = self.cache.stale(key, now_s)
            if kept is not None and kept.epoch != self.epoch:
                self._look_again(key, query, kept, now_s)
            known = self.cache.get(key, now_s)
            if known is not None and known.nearly_over(now_s):
                self._refresh(key, query, known, now_s)
        if known is not None:
            self.counters["from cache"] += 1
        return known

    def _key(self, query: Query) -> bytes:
        """Return what an answer is kept under: the question, the client's policy, and whose servers it has.

        Another policy may come to have the number, but no other servers the source.
        """
        return query.key + self._source(query) + self._views[query.view].tag(query)

    def _source(self, query: Query) -> bytes:
        """Return whose servers are asked: those of the name's domain, else of the client's policy."""
        found = self.sources.of_name(query.name)
        return self._views[query.view].source if found is None else found

    def _look_again(self, key: bytes, query: Query, kept: Answer, now_s: float) -> None:
        """Forget an answer that came before the last change and would not be given since; once in each epoch.

        All at once would cost a second and more, in which nobody is answered.
        """
        if self._holds(key, query, kept, now_s):
            kept.epoch = self.epoch
        else:
            self.cache.forget(key)

    def _holds(self, key: bytes, query: Query, kept: Answer, now_s: float) -> bool:
        if self._views[query.view].own(query, now_s) is not None or self.blocks(query):
            return False
        try:
            return not self._rebinds(key, parse_response(kept.reply(query, now_s, STREAM_SIZE)))
        except MalformedMessage:  # as the disk gave it
            return False

    def _refresh(self, key: bytes, query: Query, known: Answer, now_s: float) -> None:
        """Ask anew for an answer that is in demand and nearly over: nobody waits for it."""
        if known.ttl_s < PREFETCH_S or known.asked_again_s + RETRY_S > now_s:
            return
        if key not in self._waiting and len(self._waiting) < UNDER_WAY // 2:
            known.asked_again_s = now_s
            self.counters["prefetched"] += 1
            self._begin(key, query)

    def resolve(self, query: Query, limit: int, respond: Respond) -> None:
        """Answer what has no answer yet, at once or later."""
        key, now_s = self._key(query), self._transport.now()
        if query.rcode or query.qtype in {Type.AXFR, Type.IXFR, Type.ANY}:
            self.counters["refused"] += 1
            respond(error_reply(query, query.rcode or Rcode.NOTIMP))
        elif (local := self._own(query, now_s)) is not None:
            if len(self._local) < LOCAL_ANSWERS:
                self._local[key] = local
            respond(local.reply(query, now_s, limit))
        elif not query.flags & Flag.RD or query.qclass != CLASS_IN:
            self.counters["refused"] += 1
            respond(error_reply(query, Rcode.REFUSED))
        else:
            self._ask(key, query, limit, respond)

    def _own(self, query: Query, now_s: float) -> Answer | None:
        """Return what we answer without asking: a local name, or that a blocked one does not exist."""
        view = self._views[query.view]
        found = view.own(query, now_s)
        if found is not None:
            self.counters["local"] += 1
            return found
        if self.blocks(query):
            self.counters["blocked"] += 1
            return view.zone.negative(Rcode.NXDOMAIN, now_s)
        return None

    def _ask(self, key: bytes, query: Query, limit: int, respond: Respond) -> None:
        """Ask upstream, or wait with those who asked the same before."""
        now_s = self._transport.now()
        stale = self.cache.stale(key, now_s)
        if stale is not None and stale.retry_s > now_s:
            self.counters["stale"] += 1
            respond(stale.reply(query, now_s, limit))
            return
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.clients.append((query, limit, respond))
            return
        if len(self._waiting) >= UNDER_WAY:
            self.counters["too many under way"] += 1
            respond(stale.reply(query, now_s, limit) if stale else error_reply(query, Rcode.SERVFAIL))
            return
        self._begin(key, query, (query, limit, respond))

    def _begin(self, key: bytes, query: Query, *clients: tuple[Query, int, Respond]) -> None:
        """Ask upstream for those who wait, or for nobody: then the answer goes to the cache alone."""
        waiting = self._waiting[key] = _Waiting(self.epoch)
        waiting.clients += clients
        self.counters["forwarded"] += 1
        question = Question(
            query.name, query.qtype, query.qclass, query.dnssec_ok, bool(query.flags & Flag.CD)
        )
        if self.cache.stale(key, self._transport.now()) is not None:
            self._transport.later(STALE_WAIT_S, lambda: self._serve_stale_late(key, waiting))
        servers, translation = self.sources.of(self._source(query)), self._views[query.view].translation

        def ask(question: Question, finish: Finish) -> None:
            Resolution(question, servers, self._transport, self.counters, finish).start()

        def finish(response: Response | None) -> None:
            self._finish(key, waiting, response)

        if translation is not None and translation.concerns(query):
            translation.ask(question, ask, finish)
        else:
            ask(question, finish)

    def _serve_stale_late(self, key: bytes, waiting: _Waiting) -> None:
        """Give what there was to those who have waited long enough, and at once to those who come later."""
        if self._waiting.get(key) is waiting:
            self._serve_stale(key, waiting)

    def _serve_stale(self, key: bytes, waiting: _Waiting) -> bool:
        """Give those who still wait what there was before; return whether there was."""
        now_s = self._transport.now()
        stale = self.cache.stale(key, now_s)
        if stale is None:
            return False
        stale.retry_s = now_s + RETRY_S
        clients, waiting.clients = waiting.clients, []
        for query, limit, respond in clients:
            self.counters["stale"] += 1
            respond(stale.reply(query, now_s, limit))
        return True

    def _finish(self, key: bytes, waiting: _Waiting, response: Response | None) -> None:
        """Give everyone who waits what came: the answer, a stale one, or that it failed."""
        del self._waiting[key]
        usable = response is not None and response.rcode in {Rcode.NOERROR, Rcode.NXDOMAIN}
        if not usable and self._serve_stale(key, waiting):
            return
        now_s = self._transport.now()
        clients, waiting.clients = waiting.clients, []
        if response is None or not usable or self._rebinds(key, response):
            for query, _, respond in clients:
                respond(error_reply(query, Rcode.SERVFAIL))
            return
        answer = from_response(response, now_s)
        if answer.ttl_s and waiting.epoch >= self._flushed:
            answer.epoch = waiting.epoch  # what has changed since is looked at when it is asked for
            self.cache.put(key, answer)
        for query, limit, respond in clients:
            respond(answer.reply(query, now_s, limit))

    def _rebinds(self, key: bytes, response: Response) -> bool:
        """Return whether an outside name answers with an inside address and may not."""
        if not self._config.rebind_protection or not private_address(response, self._translated):
            return False
        name = name_of(key)
        if self.sources.of_name(name) is not None or any(parent in self._private for parent in parents(name)):
            return False
        self.counters["rebinding refused"] += 1
        return True
