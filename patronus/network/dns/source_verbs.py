# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on whom the DNS server asks, and on the blocklists that it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

from pydantic import Field

from patronus.core.control import Change, CommitReport, Control, commit
from patronus.core.edit import Edit, Remove, Replace
from patronus.core.errors import InvalidRequest
from patronus.core.items import Added, ItemList, RemoveItem, keep
from patronus.core.model import as_data
from patronus.core.values import Id
from patronus.core.verb import Caller, Nothing, Result, Role, Verb
from patronus.network.dns.check import SECTION_PATH
from patronus.network.dns.model import Dns


class UpstreamConfigured(Result):
    """A server to ask, as in the file."""

    id: str
    upstream: dict[str, Any]


class UpstreamsConfigured(Result):
    """Whom everybody's questions go to, in the order of the file."""

    upstreams: list[UpstreamConfigured]
    ask: str = Field(description="in_order or fastest: which is asked first")
    dns64: dict[str, Any] | None = Field(
        description="how names without IPv6 are answered, as in the file; null: as they are"
    )


class BlocklistInfo(Result):
    """A blocklist, as in the file, and whose it is."""

    id: str
    blocklist: dict[str, Any]
    everyone: bool
    policies: list[str] = Field(description="policies that name it")


class BlocklistList(Result):
    """Blocklists in the order of the file."""

    blocklists: list[BlocklistInfo]


class AddUpstream(Change):
    """A server to add."""

    upstream: dict[str, Any] = Field(description="as in network/dns; its id is given if it has none")
    index: int | None = Field(default=None, ge=0, description="position, 0 is first; the end if left out")


class ReplaceUpstream(Change):
    """A server in the place of another."""

    id: Id
    upstream: dict[str, Any] = Field(description="the whole entry as in network/dns; the id stays")


class SetAsk(Change):
    """Which server is asked first."""

    ask: Literal["in_order", "fastest"] = Field(description="the first of the file, or the fastest")


class SetDns64(Change):
    """How names that have addresses of IPv4 alone are answered."""

    dns64: dict[str, Any] | None = Field(
        default=None,
        description="as in network/dns, {} for 64:ff9b::/96 and everybody; left out: as they are",
    )


class AddBlocklist(Change):
    """A blocklist to add."""

    blocklist: dict[str, Any] = Field(description="as in network/dns; its id is given if it has none")


class ReplaceBlocklist(Change):
    """A blocklist in the place of another."""

    id: Id
    blocklist: dict[str, Any] = Field(description="the whole entry as in network/dns; the id stays")


class SourceVerbs:
    """Reads and edits ``upstreams`` and ``blocklists`` of ``network/dns``."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._upstreams = ItemList(
            control, (SECTION_PATH, "upstreams"), "DNS server", lambda: self._dns().upstreams
        )
        self._blocklists = ItemList(
            control, (SECTION_PATH, "blocklists"), "blocklist", lambda: self._dns().blocklists
        )

    def verbs(self) -> Iterator[Verb[Any, Any]]:
        """Yield the declarations."""
        every, one = "/dns/upstreams", "/dns/upstreams/{id}"
        yield Verb(
            "dns.ListUpstreams", Nothing, UpstreamsConfigured, self.list_upstreams, route=f"GET {every}"
        )
        yield _edit("AddUpstream", AddUpstream, Added, self.add_upstream, f"POST {every}")
        yield _edit("ReplaceUpstream", ReplaceUpstream, CommitReport, self.replace_upstream, f"PUT {one}")
        yield _edit("RemoveUpstream", RemoveItem, CommitReport, self.remove_upstream, f"DELETE {one}")
        yield _edit("SetAsk", SetAsk, CommitReport, self.set_ask, "PUT /dns/ask")
        yield _edit("SetDns64", SetDns64, CommitReport, self.set_dns64, "PUT /dns/dns64")
        every, one = "/dns/blocklists", "/dns/blocklists/{id}"
        yield Verb("dns.ListBlocklists", Nothing, BlocklistList, self.list_blocklists, route=f"GET {every}")
        yield _edit("AddBlocklist", AddBlocklist, Added, self.add_blocklist, f"POST {every}")
        yield _edit("ReplaceBlocklist", ReplaceBlocklist, CommitReport, self.replace_blocklist, f"PUT {one}")
        yield _edit("RemoveBlocklist", RemoveItem, CommitReport, self.remove_blocklist, f"DELETE {one}")

    def list_upstreams(self, _: Caller, __: Nothing) -> UpstreamsConfigured:
        """List whom everybody's questions go to, as the file has it."""
        dns = self._dns()
        found = [UpstreamConfigured(id=item.id, upstream=as_data(item)) for item in dns.upstreams]
        dns64 = as_data(dns.dns64) if dns.dns64 is not None else None
        return UpstreamsConfigured(upstreams=found, ask=dns.ask, dns64=dns64)

    def add_upstream(self, caller: Caller, given: AddUpstream) -> Added:
        """Add a server that is asked what this router does not know."""
        return self._upstreams.add(caller, given, given.upstream, given.index)

    def replace_upstream(self, caller: Caller, given: ReplaceUpstream) -> CommitReport:
        """Change a server that is asked."""
        return self._upstreams.replace(caller, given, given.id, given.upstream)

    def remove_upstream(self, caller: Caller, given: RemoveItem) -> CommitReport:
        """Ask a server no more."""
        return self._upstreams.remove(caller, given, given.id)

    def set_ask(self, caller: Caller, given: SetAsk) -> CommitReport:
        """Say which server is asked first."""
        edit = Replace(SECTION_PATH, ("ask",), given.ask)
        return commit(self._control, [edit], caller, given, f"ask DNS servers: {given.ask}")

    def set_dns64(self, caller: Caller, given: SetDns64) -> CommitReport:
        """Give names without IPv6 addresses of a translator, or leave them as they are."""
        if given.dns64 is None:
            if self._dns().dns64 is None:
                raise InvalidRequest("names without IPv6 are given no addresses already")
            edit: Edit = Remove(SECTION_PATH, ("dns64",))
        else:
            edit = Replace(SECTION_PATH, ("dns64",), given.dns64)
        return commit(self._control, [edit], caller, given, "addresses of a translator in DNS")

    def list_blocklists(self, _: Caller, __: Nothing) -> BlocklistList:
        """List the blocklists, and for whom each is."""
        dns = self._dns()
        return BlocklistList(
            blocklists=[
                BlocklistInfo(
                    id=item.id,
                    blocklist=as_data(item),
                    everyone=item.everyone,
                    policies=[one.id for one in dns.policies if item.id in (one.blocklists or ())],
                )
                for item in dns.blocklists
            ]
        )

    def add_blocklist(self, caller: Caller, given: AddBlocklist) -> Added:
        """Add a list of names that do not exist for clients."""
        return self._blocklists.add(caller, given, given.blocklist)

    def replace_blocklist(self, caller: Caller, given: ReplaceBlocklist) -> CommitReport:
        """Change where a blocklist comes from, or for whom it is."""
        return self._blocklists.replace(caller, given, given.id, given.blocklist)

    def remove_blocklist(self, caller: Caller, given: RemoveItem) -> CommitReport:
        """Remove a blocklist that no policy names; its names exist again."""
        self._blocklists.find(given.id)
        uses = [
            ((SECTION_PATH, "policies", position, "blocklists"), f"policy {policy.id}")
            for position, policy in enumerate(self._dns().policies)
            if given.id in (policy.blocklists or ())
        ]
        keep(self._control.config, uses, "blocklist", given.id)
        return self._blocklists.remove(caller, given, given.id)

    def _dns(self) -> Dns:
        return self._control.config.get(Dns)


def _edit(
    name: str, parameters: type[Any], result: type[Any], call: Callable[..., Any], route: str
) -> Verb[Any, Any]:
    return Verb(f"dns.{name}", parameters, result, call, role=Role.ADMIN, route=route, changes=True)
