# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on uplinks, and the events that tell of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from patronus.core.bus import Event
from patronus.core.control import Change, CommitReport, Control, commit
from patronus.core.edit import Insert, Remove, Replace
from patronus.core.errors import InvalidRequest, NotFound
from patronus.core.model import as_data
from patronus.core.values import InterfaceId
from patronus.core.verb import Caller, Nothing, Result, Role, Verb
from patronus.network.uplinks.health import Health
from patronus.network.uplinks.model import SECTION, Uplink, Uplinks
from patronus.network.uplinks.ways import WayOut


@dataclass(frozen=True)
class WanDown(Event):
    """An uplink is down: new connections go by another where there is one."""

    kind: ClassVar[str] = "wan-down"
    role: str
    reason: str


@dataclass(frozen=True)
class WanUp(Event):
    """An uplink is up again."""

    kind: ClassVar[str] = "wan-up"
    role: str


class UplinkInfo(Result):
    """An uplink, and how it is."""

    id: str
    state: str = Field(description="up, down, waiting (it has no gateway now) or off")
    taken: bool = Field(description="whether new connections go by it")
    tier: int
    weight: int
    device: str | None
    gateways: list[str]
    since_s: float | None = Field(description="for how many seconds it has been up or down")
    reason: str | None = Field(description="why it is down or waits, or what the last check that failed said")
    rounds: int = Field(description="how often it was checked")
    lost: int = Field(description="how often nobody answered")
    configuration: dict[str, Any]


class UplinkList(Result):
    """The uplinks in the order of the file."""

    uplinks: list[UplinkInfo]


class AddUplink(Change):
    """An uplink to add, at the end of the list."""

    uplink: Uplink


class ReplaceUplink(Change):
    """An uplink's new content; its id stays."""

    id: InterfaceId
    uplink: Uplink


class RemoveUplink(Change):
    """Names an uplink."""

    id: InterfaceId


@dataclass(frozen=True)
class Standing:
    """What is known of the uplinks at a moment, on the clock since boot."""

    ways: tuple[WayOut, ...]
    health: Mapping[str, Health]
    now_s: float


class UplinkVerbs:
    """Lists and changes the uplinks."""

    def __init__(self, control: Control, standing: Callable[[], Standing]) -> None:
        self._control = control
        self._standing = standing

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the verbs on uplinks."""
        changing: dict[str, Any] = {"role": Role.ADMIN, "changes": True}
        one = "/uplinks/{id}"
        return (
            Verb("uplinks.List", Nothing, UplinkList, self.list, route="GET /uplinks"),
            Verb("uplinks.Add", AddUplink, CommitReport, self.add, route="POST /uplinks", **changing),
            Verb(
                "uplinks.Replace", ReplaceUplink, CommitReport, self.replace, route=f"PUT {one}", **changing
            ),
            Verb(
                "uplinks.Remove", RemoveUplink, CommitReport, self.remove, route=f"DELETE {one}", **changing
            ),
        )

    def list(self, _: Caller, __: Nothing) -> UplinkList:
        """List the uplinks: which are well, which are taken, and why others are not."""
        standing = self._standing()
        ways = {way.role: way for way in standing.ways}
        return UplinkList(
            uplinks=[
                _info(item, ways.get(item.id), standing.health.get(item.id), standing.now_s)
                for item in self._control.config.get(Uplinks).uplinks
            ]
        )

    def add(self, caller: Caller, given: AddUplink) -> CommitReport:
        """Add an uplink: an interface that leads out."""
        edit = Insert(SECTION.path, ("uplinks",), as_data(given.uplink))
        return commit(self._control, [edit], caller, given, f"add uplink {given.uplink.id}")

    def replace(self, caller: Caller, given: ReplaceUplink) -> CommitReport:
        """Change an uplink; its id stays."""
        self._find(given.id)
        if given.uplink.id != given.id:
            raise InvalidRequest(f"an id never changes: uplink.id must be {given.id}")
        edit = Replace(SECTION.path, ("uplinks", given.id), as_data(given.uplink))
        return commit(self._control, [edit], caller, given, f"change uplink {given.id}")

    def remove(self, caller: Caller, given: RemoveUplink) -> CommitReport:
        """Remove an uplink; its interface stays."""
        self._find(given.id)
        edit = Remove(SECTION.path, ("uplinks", given.id))
        return commit(self._control, [edit], caller, given, f"remove uplink {given.id}")

    def _find(self, name: str) -> None:
        if all(item.id != name for item in self._control.config.get(Uplinks).uplinks):
            raise NotFound(f"no uplink is called {name}")


def _info(item: Uplink, way: WayOut | None, health: Health | None, now_s: float) -> UplinkInfo:
    return UplinkInfo(
        id=item.id,
        state=_state(item, way),
        taken=way is not None and way.taken,
        tier=item.tier,
        weight=item.weight,
        device=way.device if way else None,
        gateways=[str(hop.gateway) for hop in way.hops.values()] if way else [],
        since_s=round(now_s - health.since_s, 1) if health else None,
        reason=(way.reason if way else None) or (health.reason if health else None),
        rounds=health.rounds if health else 0,
        lost=health.lost if health else 0,
        configuration=as_data(item),
    )


def _state(item: Uplink, way: WayOut | None) -> str:
    if not item.enabled:
        return "off"
    if way is None or not way.hops:
        return "waiting"
    return "up" if way.well else "down"
